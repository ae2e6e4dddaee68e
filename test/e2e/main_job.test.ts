import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer, type ToolName, type ToolOutput } from './client.ts';
import { nbaFile, type Scratch, scratchDirectory } from './environment.ts';
import { askedGames, facts, gamesIn, learned, shifted, toCsv } from './nba.ts';
import { stores, type TestStore } from './stores.ts';

const season = gamesIn('season.csv');
const later = shifted(season.slice(0, 600));
const shiftedFeatures = ['away_points_last10', 'home_points_last10'];

describe.each(stores)('the main job with the NBA example $name', ({ kind, skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let server: TestServer;
  const called = new Set<ToolName>();
  const start = () => startServer({ directory: scratch.path, settings: store.settings });
  const stop = async () => {
    for (const name of server.called) called.add(name);
    await server.close();
  };

  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    server = await start();
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)('deploys version 1 and moves the traffic to it', async () => {
    const deployed = await server.call('deploy_model', {
      model_id: 'nba',
      version: 1, // as a script client sends it
      source: nbaFile('home_win_v1.onnx'),
      ...facts,
      framework: 'scikit-learn',
      algorithm: 'LogisticRegression',
      metrics: { accuracy: 0.64, log_loss: 0.63 },
      tags: { league: 'nba' },
    });
    expect(deployed).toMatchObject({
      version: '1',
      status: 'ready',
      active: true,
      previous_active: null,
      stage: 'development',
      warnings: [],
    });
    expect(deployed.signature.features.map(({ name }) => name)).toEqual(facts.feature_names);
    const again = await server.call('deploy_model', {
      model_id: 'nba',
      version: '1',
      source: nbaFile('home_win_v1.onnx'),
    });
    expect(again).toMatchObject({ active: true, previous_active: '1', artifact: deployed.artifact });
  });

  it.skipIf(skipped)('predicts what scikit-learn predicts', async () => {
    const answer = await server.call('predict', { model_id: 'nba', inputs: askedGames, entity_key: 'BOS' });
    expect(answer).toMatchObject({ version: '1', route: 'active', warnings: [] });
    expectLearned(answer, learned.v1);
    const ids = answer.predictions.map(({ prediction_id }) => prediction_id);
    expect(new Set(ids).size).toBe(askedGames.length);
    const asText = await server.call('predict', { model_id: 'nba', inputs: JSON.stringify(askedGames) });
    expectLearned(asText, learned.v1);
  });

  it.skipIf(skipped)('takes version 1 through the stages to production', async () => {
    const dryRun = await server.call('promote_model', {
      model_id: 'nba',
      version: '1',
      target_stage: 'staging',
      dry_run: true,
    });
    // After the sentence that stored texts are data.
    expect(Object.entries(dryRun)[1]).toEqual(['preview', expect.stringMatching(/^Would be done: /)]);
    expect(dryRun).toMatchObject({
      would_apply: true,
      from_stage: 'development',
      applied: false,
      transition_id: null,
    });
    const staged = await server.call('promote_model', {
      model_id: 'nba',
      version: '1',
      target_stage: 'staging',
      reason: 'looks right',
    });
    expect(staged).toMatchObject({ from_stage: 'development', to_stage: 'staging', applied: true });
    expect(staged.gates).toEqual([expect.objectContaining({ name: 'artifact_intact', passed: true })]);
    const promoted = await server.call('promote_model', {
      model_id: 'nba',
      version: '1',
      target_stage: 'production',
    });
    expect(promoted).toMatchObject({
      from_stage: 'staging',
      to_stage: 'production',
      archived: [],
      warnings: [],
    });
  });

  it.skipIf(skipped)('stands version 2 beside it, reached only when pinned', async () => {
    const registered = await server.call('register_model', {
      model_id: 'nba',
      version: '2',
      source: nbaFile('home_win_v2.onnx'),
      ...facts,
      parent_version: '1',
      metrics: { accuracy: 0.65, log_loss: 0.62 },
    });
    expect(registered.stage).toBe('development');
    expect(await server.fail('predict', { model_id: 'nba', version: '2', inputs: askedGames })).toMatchObject(
      {
        code: 'NOT_DEPLOYED',
        message: 'nba 2 is not deployed.',
      },
    );
    const deployed = await server.call('deploy_model', {
      model_id: 'nba',
      version: '2',
      set_active: false,
      probe: { inputs: askedGames.slice(0, 1), expect: [labelOf(learned.v2.label[0])] },
    });
    expect(deployed).toMatchObject({ active: false, previous_active: '1' });
    const pinned = await server.call('predict', { model_id: 'nba', version: '2', inputs: askedGames });
    expect(pinned).toMatchObject({ version: '2', route: 'pinned' });
    expectLearned(pinned, learned.v2);
    const routed = await server.call('predict', { model_id: 'nba', inputs: askedGames });
    expect(routed).toMatchObject({ version: '1', route: 'active' });
  });

  it.skipIf(skipped)('switches to version 2; the incumbent is archived in the same step', async () => {
    const promoted = await server.call('promote_model', {
      model_id: 'nba',
      version: '2',
      target_stage: 'production',
      activate: true,
      reason: 'better on the held-out season',
    });
    expect(promoted).toMatchObject({ from_stage: 'development', applied: true, archived: ['1'] });
    expect(promoted.warnings.join(' ')).toContain('staging');
    expect(promoted.undo).toContain('"to_version":"1"');
    const routed = await server.call('predict', { model_id: 'nba', inputs: askedGames });
    expect(routed).toMatchObject({ version: '2', route: 'active' });
    expectLearned(routed, learned.v2);
    const still = await server.call('predict', { model_id: 'nba', version: '1', inputs: askedGames });
    expectLearned(still, learned.v1);
  });

  it.skipIf(skipped)('finds drift in shifted rows and none in unshifted ones', async () => {
    const reference = await server.call('set_reference_data', {
      model_id: 'nba',
      path: nbaFile('reference.csv'),
    });
    expect(reference).toMatchObject({ version: '2', rows: 2000, predictions: ['P(home_win)'] });
    expect(reference.features.map(({ name }) => name)).toEqual(facts.feature_names);

    // From the prediction log: the unshifted games first, then a window that begins after them.
    const before = new Date().toISOString();
    for (let start = 0; start < season.length; start += 1000)
      await server.call('predict', { model_id: 'nba', inputs: season.slice(start, start + 1000) });
    const between = new Date().toISOString();
    const quiet = await server.call('detect_drift', { model_id: 'nba', since: before });
    expect(quiet).toMatchObject({ is_drift: false, drifted_features: [], window: { rows: season.length } });
    await server.call('predict', { model_id: 'nba', inputs: later });
    const fromLog = await server.call('detect_drift', {
      model_id: 'nba',
      since: between,
      response_format: 'detailed',
    });
    expect(fromLog).toMatchObject({ is_drift: true, window: { rows: later.length } });
    expectShiftFound(fromLog);

    // From records.
    const fromRecords = await server.call('detect_drift', {
      model_id: 'nba',
      current_data: later,
      response_format: 'detailed',
    });
    expectShiftFound(fromRecords);
    const of = (report: ToolOutput<'detect_drift'>) =>
      new Map(report.results.map(({ feature, score, p_value }) => [feature, { score, p_value }]));
    expect(of(fromRecords)).toEqual(of(fromLog));

    // From a CSV file, by every method.
    const file = join(scratch.path, 'later.csv');
    writeFileSync(file, toCsv(later));
    for (const method of ['ks_test', 'psi', 'kl_divergence']) {
      const found = await server.call('detect_drift', { model_id: 'nba', current_path: file, method });
      expect(new Set(found.results.map((result) => result.method))).toEqual(new Set([method]));
      expectShiftFound(found);
      const unshifted = await server.call('detect_drift', {
        model_id: 'nba',
        current_path: nbaFile('season.csv'),
        method,
      });
      expect(unshifted).toMatchObject({ is_drift: false, drifted_features: [] });
    }
    const one = await server.call('detect_drift', {
      model_id: 'nba',
      current_data: later,
      features: ['home_rest_days'],
    });
    expect(one).toMatchObject({ is_drift: false, results_total: 1 });
  });

  let counts: Record<string, number> = {};

  it.skipIf(skipped)('reports health, with every call counted', async () => {
    const health = await server.call('health_check', { model_id: 'nba' });
    expect(health).toMatchObject({ status: 'healthy', server: { store: kind, role: 'operator' } });
    counts = countsOf(health);
    // Two answers and the routed one before the switch, the pinned one after it; for version 2 the rest.
    expect(counts).toEqual({ '1': 4, '2': 5 });
    for (const model of health.models) expect(model).toMatchObject({ status: 'healthy', error_count: 0 });
  });

  it.skipIf(skipped)('has everything still there after a restart', async () => {
    await stop();
    server = await start();

    const model = await server.call('get_model', { model_id: 'nba', response_format: 'detailed' });
    expect(model.traffic.active_version).toBe('2');
    expect(model.traffic.deployed_versions.toSorted()).toEqual(['1', '2']);
    expect(model.versions.map(({ version, stage }) => [version, stage])).toEqual([
      ['2', 'production'],
      ['1', 'archived'],
    ]);
    expect(model.lineage).toEqual([{ parent: '1', child: '2' }]);
    expect(
      model.stage_history.map(({ version, from_stage, to_stage }) => [version, from_stage, to_stage]),
    ).toEqual([
      ['2', 'development', 'production'],
      ['1', 'production', 'archived'],
      ['1', 'staging', 'production'],
      ['1', 'development', 'staging'],
    ]);
    expect(model.versions[1]).toMatchObject({
      metrics: { accuracy: 0.64, log_loss: 0.63 },
      tags: { league: 'nba' },
      class_labels: facts.class_labels,
      framework: 'scikit-learn',
    });

    const found = await server.call('search_models', {
      query: 'nba',
      metrics: [{ name: 'accuracy', op: '>=', value: 0.65 }],
      order_by: 'metric:accuracy desc',
    });
    expect(found).toMatchObject({ total: 1, next_cursor: null });
    expect(found.models.map(({ version }) => version)).toEqual(['2']);
    expect(found.statistics).toMatchObject({
      models: 1,
      versions: 2,
      by_stage: { archived: 1, production: 1 },
    });
    const first = await server.call('search_models', { limit: 1 });
    const second = await server.call('search_models', { limit: 1, cursor: first.next_cursor });
    expect([...first.models, ...second.models].map(({ version }) => version)).toEqual(['2', '1']);

    expect(countsOf(await server.call('health_check', { model_id: 'nba' }))).toEqual(counts);
    const answer = await server.call('predict', { model_id: 'nba', inputs: askedGames });
    expect(answer.version).toBe('2');
    expectLearned(answer, learned.v2);
    const drift = await server.call('detect_drift', { model_id: 'nba' });
    expect(drift.window.rows).toBe(season.length + later.length + 3 * askedGames.length);
    const health = await server.call('health_check', {});
    expect(countsOf(health)).toEqual({ ...counts, '2': (counts['2'] ?? 0) + 1 });
    expect(server.standardError()).toBe('');
  });

  it.skipIf(skipped)('has called every tool of the main job', () => {
    for (const name of server.called) called.add(name);
    expect([...called].sort()).toEqual([
      'deploy_model',
      'detect_drift',
      'get_model',
      'health_check',
      'predict',
      'promote_model',
      'register_model',
      'search_models',
      'set_reference_data',
    ]);
  });
});

function labelOf(index: number | undefined): string | undefined {
  return facts.class_labels[index ?? -1];
}

/** Labels are the same, probabilities agree to 1e-5. */
function expectLearned({ predictions }: ToolOutput<'predict'>, expected: typeof learned.v1): void {
  expect(predictions.map(({ value }) => value)).toEqual(expected.label.map(labelOf));
  predictions.forEach(({ probabilities }, row) => {
    expect(Object.keys(probabilities ?? {})).toEqual(facts.class_labels);
    Object.values(probabilities ?? {}).forEach((probability, index) => {
      expect(Math.abs(probability - (expected.probabilities[row]?.[index] ?? Number.NaN))).toBeLessThan(1e-5);
    });
  });
}

/** Both shifted features drifted, and no other feature. */
function expectShiftFound({ drifted_features, is_drift }: ToolOutput<'detect_drift'>): void {
  expect(is_drift).toBe(true);
  expect(drifted_features.filter((name) => facts.feature_names.includes(name)).toSorted()).toEqual(
    shiftedFeatures,
  );
}

function countsOf({ models }: ToolOutput<'health_check'>): Record<string, number> {
  return Object.fromEntries(models.map(({ version, request_count }) => [version, request_count]));
}
