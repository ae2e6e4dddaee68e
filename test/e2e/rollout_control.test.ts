import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { runCommand } from './command.ts';
import { clients, quickPlan, twoVersions, untilState } from './rollout_load.ts';
import { until } from './until.ts';

describe('people and a rollout', { timeout: 240_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ settings: { MODELYARD_ROLE: 'admin' } });
  });
  afterAll(() => server.close());

  const start = (modelId: string, more: object = {}) =>
    server.call('start_rollout', { model_id: modelId, version: '2', plan: quickPlan, ...more });
  const untilStep = (modelId: string, step: string) =>
    until(
      `the step ${step}`,
      async () => {
        const rollout = await server.call('get_rollout', { model_id: modelId });
        return rollout.step === step && rollout;
      },
      60_000,
    );
  const weights = async (modelId: string) =>
    (await server.call('get_model', { model_id: modelId })).traffic.weights;

  test('only one of a model at a time; it is listed in health_check; abort takes the traffic back', async () => {
    await twoVersions(server, 'one', ['slow_run', 'slow_run']);
    const { rollout_id } = await start('one', { plan: { ...quickPlan, shadow: false } });
    const refused = await server.fail('start_rollout', { model_id: 'one', version: '2' });
    expect(refused).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining(rollout_id ?? ''),
    });
    await untilStep('one', '20 %');
    expect(await weights('one')).toEqual({ 1: 0.8, 2: 0.2 });
    const { checks } = await server.call('health_check');
    expect(checks.find(({ name }) => name === 'rollouts')?.detail).toContain('one 2 at 20 % (running)');
    await until('what it waits for', async () => {
      const { waiting_for } = await server.call('get_rollout', { rollout_id });
      return /0 of at least 20/.test(waiting_for);
    });
    const aborted = await server.call('control_rollout', {
      rollout_id,
      action: 'abort',
      reason: 'not today',
    });
    expect(aborted).toMatchObject({ state: 'aborted' });
    expect(await weights('one')).toEqual({ 1: 1 });
    expect(
      await server.fail('control_rollout', { rollout_id, action: 'resume', reason: 'again' }),
    ).toMatchObject({ code: 'INVALID_INPUT' });
    const { decisions } = await server.call('get_rollout', { rollout_id, response_format: 'detailed' });
    expect(decisions.at(-1)).toMatchObject({
      action: 'aborted',
      reason: 'not today',
      by: expect.stringContaining('admin'),
    });
  });

  test.each([
    ['set_traffic', { weights: { 1: 0.6, 2: 0.4 } }, /traffic of .* was changed/],
    ['promote_model', { version: '2', target_stage: 'production' }, /went to production meanwhile/],
  ] as const)('%s in between pauses it, and it says so; resume goes on', async (tool, given, why) => {
    const modelId = `by-${tool}`;
    await twoVersions(server, modelId, ['slow_run', 'slow_run']);
    const { rollout_id } = await start(modelId, { plan: { ...quickPlan, shadow: false } });
    await untilStep(modelId, '20 %');
    await server.call(tool, { model_id: modelId, ...given });
    const paused = await untilState(server, modelId, ['paused']);
    expect(paused.waiting_for).toMatch(why);
    await server.call('control_rollout', { rollout_id, action: 'resume', reason: 'looked at it' });
    expect(await weights(modelId)).toEqual({ 1: 0.8, 2: 0.2 });
    const running = await server.call('get_rollout', { rollout_id });
    expect(running).toMatchObject({ state: 'running', step: '20 %' });
    await server.call('control_rollout', { rollout_id, action: 'abort', reason: 'the end' });
  });

  test('steps can be skipped with a reason, and pausing keeps the traffic', async () => {
    await twoVersions(server, 'skipped', ['slow_run', 'slow_run']);
    const { rollout_id } = await start('skipped', { promote: false });
    await untilStep('skipped', 'shadow');
    const control = (action: string) =>
      server.call('control_rollout', { rollout_id, action, reason: 'no calls come here' });
    expect(await control('skip_step')).toMatchObject({ state: 'running', step: '20 %' });
    expect(await control('pause')).toMatchObject({ state: 'paused' });
    expect(await weights('skipped')).toEqual({ 1: 0.8, 2: 0.2 });
    expect(await control('skip_step')).toMatchObject({ state: 'running', step: '50 %' });
    expect(await control('skip_step')).toMatchObject({ step: '100 %' });
    expect(await weights('skipped')).toEqual({ 1: 0, 2: 1 });
    expect(await control('skip_step')).toMatchObject({ state: 'succeeded' });
    expect(await weights('skipped')).toEqual({ 1: 0, 2: 1 });
  });

  test('without calls it is held at the longest wait, and never promoted', async () => {
    await twoVersions(server, 'silent', ['slow_run', 'slow_run']);
    await start('silent', { plan: { ...quickPlan, longest_s: 2 } });
    const held = await untilState(server, 'silent', ['held', 'succeeded']);
    expect(held).toMatchObject({ state: 'held', step: 'shadow' });
    expect(held.waiting_for).toContain('silence promotes nothing');
    expect(await weights('silent')).toEqual({ 1: 1 });
  });

  test('where nothing serves yet the version is simply deployed, and it says so', async () => {
    await server.call('register_model', {
      model_id: 'first',
      version: '2',
      source: fileURLToPath(new URL('../models/slow_run.onnx', import.meta.url)),
    });
    const started = await start('first');
    expect(started).toMatchObject({ incumbent: null, next: expect.stringContaining('simply deployed') });
    await untilState(server, 'first', ['succeeded']);
    expect(await weights('first')).toEqual({ 2: 1 });
    const { versions } = await server.call('get_model', { model_id: 'first' });
    expect(versions[0]?.stage).toBe('production');
  });

  test('a model whose calls are shared already, or which it is to replace itself, is refused', async () => {
    await twoVersions(server, 'shared', ['slow_run', 'slow_run']);
    expect(await server.fail('start_rollout', { model_id: 'shared', version: '1' })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('all calls already'),
    });
    await server.call('deploy_model', { model_id: 'shared', version: '2', set_active: false });
    await server.call('set_traffic', { model_id: 'shared', weights: { 1: 0.5, 2: 0.5 } });
    expect(await server.fail('start_rollout', { model_id: 'shared', version: '2' })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('shared by 1, 2'),
    });
  });

  test('a gate that fails holds it before production; once it passes, resume goes on', async () => {
    await twoVersions(server, 'gated', ['slow_run', 'slow_run']);
    await server.call('update_model', {
      model_id: 'gated',
      gates: { production: { require_staging: true } },
    });
    const { rollout_id, warnings } = await start('gated', {
      plan: { ...quickPlan, shadow: false, shares: [1], least_calls: 1 },
    });
    expect(warnings).toEqual([expect.stringMatching(/^Gate require_staging of production fails .*held/)]);
    const calling = clients(server, 'gated', 1, () => 0.5);
    const held = await untilState(server, 'gated', ['held', 'succeeded']);
    expect(held).toMatchObject({
      state: 'held',
      step: 'production',
      waiting_for: expect.stringMatching(/GATE_FAILED.*require_staging/),
    });
    await server.call('promote_model', { model_id: 'gated', version: '2', target_stage: 'staging' });
    await server.call('control_rollout', { rollout_id, action: 'resume', reason: 'it is in staging' });
    await untilState(server, 'gated', ['succeeded']);
    await calling.stop();
    const { versions } = await server.call('get_model', { model_id: 'gated' });
    expect(versions.find(({ version }) => version === '2')?.stage).toBe('production');
  });

  test('an approval that is wanted holds it, with its id; once it is given it goes on by itself', async () => {
    await twoVersions(server, 'guarded', ['slow_run', 'slow_run']);
    await server.call('update_model', {
      model_id: 'guarded',
      gates: { production: { approval: true } },
    });
    const { warnings } = await start('guarded', { plan: { ...quickPlan, shadow: false, shares: [1] } });
    expect(warnings).toEqual([expect.stringContaining('wait for a person')]);
    const calling = clients(server, 'guarded', 2, () => 0.5);
    for (;;) {
      const rollout = await untilState(server, 'guarded', ['held', 'succeeded']);
      if (rollout.state === 'succeeded') break;
      const [, id] = /modelyard approve (\w+)/.exec(rollout.waiting_for) ?? [];
      if (id === undefined) throw new Error(rollout.waiting_for);
      const { code } = runCommand(server.directory, ['approve', id, '--yes'], { MODELYARD_ROLE: 'admin' });
      expect(code).toBe(0);
      await until(
        'the rollout to go on',
        async () => {
          const now = await server.call('get_rollout', { model_id: 'guarded' });
          return now.state === 'succeeded' || now.step !== rollout.step;
        },
        60_000,
      );
    }
    await calling.stop();
    const { versions } = await server.call('get_model', { model_id: 'guarded' });
    expect(versions.find(({ version }) => version === '2')?.stage).toBe('production');
  });

  test.each(['harm', 'abort'] as const)('going back (%s) waits for no person', async (cause) => {
    const modelId = `back-by-${cause}`;
    const second = cause === 'harm' ? { class_labels: ['no', 'yes'] } : {};
    await twoVersions(server, modelId, ['slow_run', 'slow_run'], { second });
    await server.call('update_model', { model_id: modelId, gates: { production: { approval: true } } });
    const { rollout_id } = await start(modelId, { plan: { ...quickPlan, shadow: false } });
    const { waiting_for } = await untilState(server, modelId, ['held']);
    const [, id = ''] = /modelyard approve (\w+)/.exec(waiting_for) ?? [];
    expect(runCommand(server.directory, ['approve', id, '--yes'], { MODELYARD_ROLE: 'admin' }).code).toBe(0);
    await untilStep(modelId, '20 %');
    expect(await weights(modelId)).toEqual({ 1: 0.8, 2: 0.2 });
    const byHand = { model_id: modelId, weights: { 1: 1 } };
    expect(await server.fail('set_traffic', byHand)).toMatchObject({ code: 'APPROVAL_REQUIRED' });
    if (cause === 'abort')
      await server.call('control_rollout', { rollout_id, action: 'abort', reason: 'not today' });
    // A class that the candidate has no label for.
    const calling = clients(server, modelId, 4, (call) => (cause === 'harm' && call % 20 === 7 ? 3 : 0.5));
    // It may be held meanwhile, since going on wants a person.
    await untilState(server, modelId, ['rolled_back', 'aborted']);
    await calling.stop();
    expect(await weights(modelId)).toEqual({ 1: 1 });
    const { decisions } = await server.call('get_rollout', { rollout_id });
    expect(decisions.at(-1)?.action).toBe(cause === 'harm' ? 'go_back' : 'aborted');
  });
});
