import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { quickPlan, twoVersions, untilState } from './rollout_load.ts';
import { until } from './until.ts';

describe('what people decide before and during a rollout', { timeout: 240_000 }, () => {
  let server: TestServer;
  const questions: string[] = [];
  let agrees = true;
  beforeAll(async () => {
    server = await startServer({
      settings: { MODELYARD_APPROVALS: 'ask', MODELYARD_ROLE: 'admin' },
      person: async ({ message }) => {
        questions.push(message);
        return agrees ? { action: 'accept', content: { answer: 'yes' } } : { action: 'decline' };
      },
    });
  });
  afterAll(() => server.close());

  const given = (modelId: string, more: object = {}) => ({
    model_id: modelId,
    version: '2',
    plan: { ...quickPlan, shadow: false },
    ...more,
  });
  const untilStep = (modelId: string, step: string) =>
    until(
      `the step ${step}`,
      async () => (await server.call('get_rollout', { model_id: modelId })).step === step,
      60_000,
    );
  const weights = async (modelId: string) =>
    (await server.call('get_model', { model_id: modelId })).traffic.weights;

  test('a person who is at the client is asked for all of it once, and nothing starts without a yes', async () => {
    await twoVersions(server, 'asked', ['slow_run', 'slow_run']);
    questions.length = 0;
    await server.call('start_rollout', given('asked', { dry_run: true }));
    expect(questions).toEqual([]);
    agrees = false;
    expect(await server.fail('start_rollout', given('asked'))).toMatchObject({ code: 'APPROVAL_REQUIRED' });
    expect(questions).toHaveLength(1);
    expect(questions[0]).toMatch(/step by step it gets all calls and goes to production/);
    expect(await server.fail('get_rollout', { model_id: 'asked' })).toMatchObject({ code: 'INVALID_INPUT' });
    agrees = true;
    await server.call('start_rollout', given('asked'));
    await untilStep('asked', '20 %');
    expect(questions).toHaveLength(2);
  });

  test('an archived candidate is not rolled out, and one that is archived meanwhile gets no further', async () => {
    agrees = true;
    await twoVersions(server, 'archived', ['slow_run', 'slow_run']);
    const { rollout_id } = await server.call('start_rollout', given('archived'));
    await untilStep('archived', '20 %');
    const archive = { model_id: 'archived', version: '2', target_stage: 'archived' };
    await server.call('promote_model', archive);
    const paused = await untilState(server, 'archived', ['paused', 'succeeded']);
    expect(paused.waiting_for).toMatch(/^Version 2 of archived was archived meanwhile\./);
    const control = { rollout_id, reason: 'it was archived' };
    expect(await server.fail('control_rollout', { ...control, action: 'resume' })).toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('target_stage=development'),
    });
    await server.call('control_rollout', { ...control, action: 'abort' });
    expect(await weights('archived')).toEqual({ 1: 1 });
    expect(await server.fail('start_rollout', given('archived'))).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
    });
  });

  test('a candidate that a person promoted meanwhile has but to get the calls', async () => {
    agrees = true;
    await twoVersions(server, 'promoted', ['slow_run', 'slow_run']);
    const plan = { ...quickPlan, shadow: false, shares: [0.5] };
    const { rollout_id } = await server.call('start_rollout', given('promoted', { plan }));
    await untilStep('promoted', '50 %');
    await server.call('promote_model', { model_id: 'promoted', version: '2', target_stage: 'production' });
    await untilState(server, 'promoted', ['paused']);
    const control = { rollout_id, reason: 'go on' };
    await server.call('control_rollout', { ...control, action: 'resume' });
    await server.call('control_rollout', { ...control, action: 'skip_step' });
    expect(await untilState(server, 'promoted', ['succeeded', 'held'])).toMatchObject({ state: 'succeeded' });
    expect(await weights('promoted')).toMatchObject({ 2: 1 });
  });

  test('outcomes that the model cannot have are not waited for', async () => {
    const plan = { model_id: 'asked', version: '2', dry_run: true };
    expect(await server.fail('start_rollout', { ...plan, metrics: ['mae', 'accuracy'] })).toMatchObject({
      code: 'INVALID_INPUT',
      message: 'metrics names accuracy, but asked 2 answers numbers.',
      hint: expect.stringContaining('rmse'),
    });
  });

  test('a version that takes other features than callers send is refused', async () => {
    const x = { model_id: 'other', source: testModel('slow_run') };
    await server.call('deploy_model', { ...x, version: '1', feature_names: ['points'] });
    await server.call('register_model', { ...x, version: '2', feature_names: ['rebounds'] });
    expect(await server.fail('start_rollout', given('other'))).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: 'other 2 takes rebounds, and 1, which callers call now, points: records fit one of them only.',
    });
  });

  test.each([
    [{ least_s: 100, longest_s: 10 }, /least_s=100 is more than longest_s=10/],
    [{ shares: [0.5, 0.2, 1] }, /do not rise/],
    [{ shares: [1e-9] }, /must be 0\.001 or more/],
  ])('a plan that contradicts itself is refused: %j', async (plan, why) => {
    expect(
      await server.fail('start_rollout', { model_id: 'asked', version: '2', plan, dry_run: true }),
    ).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringMatching(why) });
  });
});
