import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer, type ToolName } from './client.ts';
import { testModel } from './environment.ts';
import { callsIn, standing, undo } from './undo.ts';

const source = testModel('linear_float32');

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ settings: { MODELYARD_ROLE: 'admin' } });
});
afterAll(() => server.close());

/** Versions 1 to 3: 1 and 2 deployed, 1 in production with all calls, 3 registered. */
async function threeVersions(modelId: string) {
  await server.call('deploy_model', { model_id: modelId, version: '1', source });
  await server.call('deploy_model', { model_id: modelId, version: '2', source, set_active: false });
  await server.call('register_model', { model_id: modelId, version: '3', source });
  await server.call('promote_model', { model_id: modelId, version: '1', target_stage: 'production' });
}

interface Change {
  what: string;
  /** Calls before, which the undo has to leave as they are. */
  before?: readonly [ToolName, Record<string, unknown>][];
  tool: 'set_traffic' | 'deploy_model' | 'retire_model' | 'promote_model' | 'rollback_model' | 'update_model';
  given: Record<string, unknown>;
}

const canary: [ToolName, Record<string, unknown>] = [
  'set_traffic',
  { weights: { 1: 0.75, 2: 0.25 }, sticky: false },
];
const described: [ToolName, Record<string, unknown>] = [
  'update_model',
  {
    version: '2',
    description: 'Of the "scouts", } {',
    tags: { team: 'scouts', 'a.b': 'c' },
    metrics: { auc: 0.75 },
    hyperparameters: { depth: 3 },
    parent_versions: ['1'],
    aliases: { champion: '2' },
  },
];

const changes: Change[] = [
  { what: 'a canary', tool: 'set_traffic', given: { weights: { 1: 0.9, 2: 0.1 }, sticky: false } },
  { what: 'a shadow', tool: 'set_traffic', given: { weights: { 1: 1 }, shadow_version: '2' } },
  {
    what: 'a switch from a canary',
    before: [canary],
    tool: 'set_traffic',
    given: { weights: { 2: 1 } },
  },
  {
    what: 'the end of a shadow',
    before: [['set_traffic', { weights: { 1: 1 }, shadow_version: '2' }]],
    tool: 'set_traffic',
    given: { weights: { 2: 1 } },
  },
  { what: 'all calls to a version that stood beside', tool: 'deploy_model', given: { version: '2' } },
  { what: 'all calls to a version that is new there', tool: 'deploy_model', given: { version: '3' } },
  { what: 'a version beside', tool: 'deploy_model', given: { version: '3', set_active: false } },
  { what: 'all calls, which a canary had', before: [canary], tool: 'deploy_model', given: { version: '3' } },
  {
    what: 'all calls to the shadow',
    before: [['set_traffic', { weights: { 1: 1 }, shadow_version: '2' }]],
    tool: 'deploy_model',
    given: { version: '2' },
  },
  { what: 'a version that stood beside', tool: 'retire_model', given: { version: '2' } },
  {
    what: 'a version with its part of the calls',
    before: [canary],
    tool: 'retire_model',
    given: { version: '2', force: true },
  },
  { what: 'the version with all calls', tool: 'retire_model', given: { version: '1', force: true } },
  { what: 'a stage', tool: 'promote_model', given: { version: '3', target_stage: 'staging' } },
  {
    what: 'facts that there were, and some that there were not',
    before: [described],
    tool: 'update_model',
    given: {
      version: '2',
      description: '',
      author: 'somebody',
      tags: { team: 'others', season: '2026', 'a.b': null },
      metrics: { auc: 0.5, f1: 0.5 },
      hyperparameters: { depth: 4 },
      parent_versions: [],
      aliases: { champion: '1', challenger: '2' },
    },
  },
  {
    what: 'what a model itself is described by',
    tool: 'update_model',
    given: { description: 'whose?', tags: { team: 'scouts' }, gates: { production: { probe: true } } },
  },
  {
    what: 'gates',
    before: [['update_model', { gates: { production: { min_metrics: { auc: 0.5 } } } }]],
    tool: 'update_model',
    given: { gates: { production: null } },
  },
];

describe('the undo of an answer, carried out, leaves all as it was', () => {
  test.each(changes.map((change, index) => ({ ...change, model_id: `m${index}` })))(
    '$tool: $what',
    async ({ before = [], tool, given, model_id }) => {
      await threeVersions(model_id);
      for (const [name, its] of before) await server.call(name, { model_id, ...its });
      const former = await standing(server, model_id);
      const answer = await server.call(tool, { model_id, ...given });
      expect(await standing(server, model_id)).not.toEqual(former);
      await undo(server, answer);
      expect(await standing(server, model_id)).toEqual(former);
    },
  );

  test('promote_model and rollback_model: production and the traffic', async () => {
    await threeVersions('production');
    const first = await standing(server, 'production');
    const promoted = await server.call('promote_model', {
      model_id: 'production',
      version: '2',
      target_stage: 'production',
      activate: true,
    });
    const second = await standing(server, 'production');
    await undo(server, promoted);
    const back = await standing(server, 'production');
    expect(back.traffic).toEqual(first.traffic);
    expect(back.facts.find(({ version }) => version === '1')?.stage).toBe('production');
    const again = await server.call('rollback_model', {
      model_id: 'production',
      to_version: '2',
      reason: 'it was right',
    });
    expect(await standing(server, 'production')).toEqual(second);
    await undo(server, again);
    expect(await standing(server, 'production')).toEqual(back);
  });

  test('the first deployment of a model: nothing is served any more', async () => {
    const answer = await server.call('deploy_model', { model_id: 'first', version: '1', source });
    await undo(server, answer);
    expect((await standing(server, 'first')).traffic).toMatchObject({ active_version: null, deployed: [] });
  });

  test('a version beside, given all traffic where none had any', async () => {
    await server.call('deploy_model', { model_id: 'beside', version: '1', source, set_active: false });
    const answer = await server.call('set_traffic', { model_id: 'beside', weights: { 1: 1 } });
    await undo(server, answer);
    expect((await standing(server, 'beside')).traffic).toMatchObject({ active_version: null, deployed: [] });
  });

  test('a registration: archived; its deletion waits for a person', async () => {
    const answer = await server.call('register_model', { model_id: 'registered', version: '1', source });
    const [archiving, deletion] = callsIn(answer.undo ?? '');
    expect([archiving?.tool, deletion?.tool]).toEqual(['promote_model', 'delete_model']);
    await server.attempt('promote_model', archiving?.given);
    const { confirm } = await server.call('delete_model', { ...deletion?.given, dry_run: true });
    const deleted = await server.call('delete_model', { ...deletion?.given, confirm });
    expect(deleted).toMatchObject({ applied: true, undo: expect.stringContaining('Cannot be undone') });
  });

  test('a reference: the former one is named and compared with', async () => {
    await server.call('deploy_model', { model_id: 'reference', version: '1', source });
    const rows = (shift: number) =>
      Array.from({ length: 60 }, (_, row) => ({ f0: row % 7, f1: (row % 11) + shift, f2: row % 5 }));
    const first = await server.call('set_reference_data', { model_id: 'reference', data: rows(0) });
    expect(first.undo).toContain('Cannot be undone');
    const second = await server.call('set_reference_data', { model_id: 'reference', data: rows(100) });
    const [call] = callsIn(second.undo ?? '');
    expect(call).toMatchObject({ tool: 'detect_drift', given: { reference_id: first.reference_id } });
    const compared = await server.call('detect_drift', { ...call?.given, current_data: rows(0) });
    expect(compared).toMatchObject({ is_drift: false, reference: { reference_id: first.reference_id } });
  });

  test('what cannot be undone says so, and what remains', async () => {
    await server.call('deploy_model', { model_id: 'remains', version: '1', source });
    const logged = await server.call('log_predictions', {
      model_id: 'remains',
      version: '1',
      predictions: [{ prediction_id: 'p1', features: { f0: 1, f1: 2, f2: 3 }, prediction: 1 }],
    });
    expect(logged.undo).toMatch(/^Cannot be undone: .*expire/);
    const outcome = (actual: number) =>
      server.call('record_outcomes', {
        model_id: 'remains',
        outcomes: [{ prediction_id: 'p1', actual }],
      });
    expect((await outcome(1)).undo).toMatch(/^Cannot be undone: .*record_outcomes/);
    expect((await outcome(1)).undo).toBeUndefined();
  });

  test('a rollout: aborted, and paused and resumed', async () => {
    await threeVersions('rollout');
    const former = await standing(server, 'rollout');
    const started = await server.call('start_rollout', {
      model_id: 'rollout',
      version: '2',
      plan: { backtest: false, shadow: false, shares: [0.5], least_calls: 1000 },
    });
    const paused = await server.call('control_rollout', {
      rollout_id: started.rollout_id,
      action: 'pause',
      reason: 'lunch',
    });
    await undo(server, paused);
    expect(await server.call('get_rollout', { model_id: 'rollout' })).toMatchObject({ state: 'running' });
    await undo(server, started);
    expect((await standing(server, 'rollout')).traffic).toEqual(former.traffic);
  });
});
