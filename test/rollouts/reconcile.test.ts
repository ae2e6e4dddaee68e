import { beforeAll, expect, test } from 'vitest';
import { changeModel } from '../../src/access/change_model.ts';
import { ModelYardError } from '../../src/errors.ts';
import { controlRollout } from '../../src/rollouts/control_rollout.ts';
import { defaultChoices } from '../../src/rollouts/plan.ts';
import { type ReconcileDependencies, reconcile } from '../../src/rollouts/reconcile.ts';
import { findRollout, readDecisions } from '../../src/rollouts/rollout_store.ts';
import { startRollout } from '../../src/rollouts/start_rollout.ts';
import { watchRollouts } from '../../src/rollouts/watch_rollouts.ts';
import { readRoute, writeRoute } from '../../src/serving/stored_route.ts';
import type { Database } from '../../src/storage/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { freely } from '../access/approvers.ts';
import { callBy } from '../access/origins.ts';
import { until } from '../e2e/until.ts';
import { deployRow, moveTo, seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';

const call = { origin: callBy('operator'), ask: undefined };
const crash = new ModelYardError('ENGINE_CRASHED', 'The host crashed.', 'Look into the log.');

describeOnEachDatabase('a look at a rollout', (store) => {
  let database: Database;
  let dependencies: ReconcileDependencies;
  let register: ReturnType<typeof seeder>;
  let now = Date.UTC(2026, 0, 2);
  const clock = () => now++;

  beforeAll(async () => {
    ({ database } = await store.open());
    register = seeder(database, temporaryDirectory());
    const unasked = async (): Promise<never> => {
      throw new Error('no step of these tests asks for it');
    };
    dependencies = {
      database,
      clock,
      logger: createLogger({ directory: temporaryDirectory(), level: 'error' }),
      measure: unasked,
      readWindow: unasked,
      backtest: unasked,
      promote: unasked,
      flushLog: async () => undefined,
      prepare: async () => undefined,
      // As serving does it, but that nothing is loaded.
      setTraffic: ({ modelId, weights, sticky, shadowVersion, alongside }, { origin }) =>
        changeModel({ database, clock }, origin, { modelId }, async (transaction, at) => {
          await alongside?.(transaction, at);
          const [[activeVersion = ''] = []] = Object.entries(weights).sort(([, a], [, b]) => b - a);
          const route = { activeVersion, weights: Object.entries(weights), sticky, shadowVersion };
          await writeRoute(transaction, modelId, route, at, 'operator');
          return { result: undefined, before: undefined, after: weights };
        }),
    };
  });

  /** A rollout of version 2, where 1 has all calls. */
  async function started(modelId: string, choices: Partial<typeof defaultChoices> = {}): Promise<string> {
    for (const version of ['1', '2', '3']) await register({ modelId, version });
    for (const version of ['1', '2'])
      await database.insertInto('deployments').values(deployRow(modelId, version)).execute();
    const route = {
      activeVersion: '1',
      weights: [['1', 1]] as const,
      sticky: true,
      shadowVersion: undefined,
    };
    await database
      .transaction()
      .execute((transaction) => writeRoute(transaction, modelId, route, clock(), 'operator'));
    const { rollout } = await startRollout(
      { database, clock, approvals: { approverOf: () => freely } },
      {
        modelId,
        version: '2',
        choices: { ...defaultChoices, ...choices },
        dryRun: false,
        reason: undefined,
      },
      call,
    );
    return rollout?.rolloutId ?? '';
  }

  const look = async (rolloutId: string, more: Partial<ReconcileDependencies> = {}) => {
    await reconcile({ ...dependencies, ...more }, await findRollout(database, { rolloutId }));
    const rollout = await findRollout(database, { rolloutId });
    const { kind } = rollout.plan.steps[rollout.step] ?? {};
    return { state: rollout.state, kind, waiting: rollout.progress.waiting };
  };
  const failing = (code: ConstructorParameters<typeof ModelYardError>[0]) => async (): Promise<never> => {
    throw new ModelYardError(code, `It failed with ${code}.`, 'Try again.');
  };

  test('that a server ends during the replay decides nothing: the next look replays', async () => {
    const rolloutId = await started('ending');
    expect(await look(rolloutId)).toMatchObject({ state: 'running', kind: 'backtest' });
    expect(await look(rolloutId, { backtest: failing('CANCELLED') })).toMatchObject({
      state: 'running',
      kind: 'backtest',
    });
    expect(await readDecisions(database, rolloutId)).toHaveLength(1);
  });

  test('a replay that cannot be made says nothing against the candidate', async () => {
    const rolloutId = await started('unreplayed');
    await look(rolloutId);
    expect(await look(rolloutId, { backtest: failing('ENGINE_CRASHED') })).toMatchObject({
      state: 'running',
      kind: 'shadow',
    });
    const [, decision] = await readDecisions(database, rolloutId);
    expect(decision?.reason).toContain('No logged calls were replayed: It failed with ENGINE_CRASHED.');
  });

  test('where traffic cannot be moved the candidate goes back only if it is it that does not load', async () => {
    // Moving it fails once: going back would succeed.
    const refusing = () => {
      let moves = 0;
      const setTraffic: ReconcileDependencies['setTraffic'] = (request, by) =>
        moves++ === 0 ? Promise.reject(crash) : dependencies.setTraffic(request, by);
      return { setTraffic };
    };
    const incumbent = await started('incumbent-crashes', { backtest: false, shadow: false });
    expect(await look(incumbent, refusing())).toMatchObject({ state: 'held', kind: 'probe' });
    const candidate = await started('candidate-crashes', { shadow: false });
    await look(candidate);
    const replayed = { backtest: failing('NOT_ENOUGH_DATA') };
    const prepare = async () => Promise.reject(crash);
    expect(await look(candidate, { ...replayed, ...refusing(), prepare })).toMatchObject({
      state: 'rolled_back',
    });
  });

  test('a look that takes long is time in which a server ran', async () => {
    const rolloutId = await started('slow-look', { backtest: false, shadow: false, shares: [1] });
    await look(rolloutId);
    await controlRollout(dependencies, { rolloutId, action: 'pause', reason: 'no looks' }, call);
    await controlRollout(dependencies, { rolloutId, action: 'resume', reason: 'from 0 on' }, call);
    now += 1000;
    await look(rolloutId, {
      measure: async () => {
        now += 2000;
        return { versions: [], assigned: [] };
      },
    });
    const { ranMs } = await findRollout(database, { rolloutId });
    expect(ranMs).toBeGreaterThanOrEqual(3000);
    expect(ranMs).toBeLessThan(3100);
  });

  test('a breaker that opens while the gates of production wait sends back', async () => {
    const rolloutId = await started('gated', { backtest: false, shadow: false, shares: [1] });
    await look(rolloutId);
    await controlRollout(dependencies, { rolloutId, action: 'skip_step', reason: 'few calls' }, call);
    expect(await look(rolloutId, { promote: failing('GATE_FAILED') })).toMatchObject({
      state: 'held',
      kind: 'production',
    });
    expect((await readRoute(database, 'gated'))?.activeVersion).toBe('2');
    const opened = { reopens_at: now, open_ms: 1, trips: 1, last_tripped_at: now, last_reason: 'errors' };
    await database
      .insertInto('breakers')
      .values({ model_id: 'gated', version: '2', ...opened })
      .execute();
    const unapproved = await look(rolloutId, { setTraffic: failing('APPROVAL_REQUIRED') });
    expect(unapproved).toMatchObject({
      state: 'held',
      waiting: expect.stringMatching(/^Waits for an approval to go back, since harm was found\./),
    });
    expect((await readDecisions(database, rolloutId)).at(-1)?.reason).toMatch(/breaker opened.* Waits for/);
    expect(await look(rolloutId)).toMatchObject({ state: 'rolled_back' });
    expect((await readRoute(database, 'gated'))?.weights).toEqual([['1', 1]]);
  });

  test('once another version is in production it is not resumed against the one before', async () => {
    const rolloutId = await started('replaced', { backtest: false, shadow: false });
    await look(rolloutId);
    await moveTo(database, 'replaced', '3', 'production');
    expect(await look(rolloutId)).toMatchObject({ state: 'paused' });
    for (const action of ['resume', 'skip_step'] as const)
      await expect(
        controlRollout(dependencies, { rolloutId, action, reason: 'on' }, call),
      ).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('Version 3 of replaced went to production meanwhile'),
      });
    await controlRollout(dependencies, { rolloutId, action: 'abort', reason: 'anew' }, call);
    expect((await findRollout(database, { rolloutId })).state).toBe('aborted');
  });

  test('a rollout whose replay takes long keeps no other waiting', async () => {
    const long = await started('long');
    await look(long);
    const other = await started('beside', { backtest: false });
    let end = (_: Error) => {};
    const replay = new Promise<never>((_, reject) => {
      end = reject;
    });
    const watch = watchRollouts({ ...dependencies, clock: () => now, backtest: () => replay });
    await until('the other to go on', async () => {
      now += 1000;
      const { plan, step } = await findRollout(database, { rolloutId: other });
      return plan.steps[step]?.kind === 'shadow';
    });
    expect(await readDecisions(database, long)).toHaveLength(1);
    end(new ModelYardError('CANCELLED', 'The server is ending.', 'Call again when it runs.'));
    await watch.close();
    expect((await findRollout(database, { rolloutId: long })).state).toBe('running');
  });
});
