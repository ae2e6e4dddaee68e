import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startServer, type TestServer } from './client.ts';
import { nbaFile, testModel } from './environment.ts';
import { facts } from './nba.ts';
import { childrenOf, untilGone } from './processes.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

/** The season's games: what predict takes, and how they ended. */
const season = z
  .array(z.record(z.string(), z.string()))
  .parse(parse(readFileSync(nbaFile('season.csv')), { columns: true }))
  .map((row) => ({
    features: Object.fromEntries(facts.feature_names.map((name) => [name, Number(row[name])])),
    actual: row.actual ?? '',
    home_team: row.home_team ?? '',
  }));

const share = (hits: readonly boolean[]) => hits.filter(Boolean).length / hits.length;

describe.each(stores)('backtest $name', ({ skipped, open }) => {
  let store: TestStore;
  let server: TestServer;

  beforeAll(async () => {
    if (skipped) return;
    store = await open();
    server = await startServer({ settings: { ...store.settings, MODELYARD_ROLE: 'admin' } });
    const register = (version: string, tool: 'deploy_model' | 'register_model') =>
      server.call(tool, { model_id: 'nba', version, source: nbaFile(`home_win_v${version}.onnx`), ...facts });
    await register('1', 'deploy_model');
    await register('2', 'register_model');
    // One game a call, so that each is a unit of its own.
    for (let start = 0; start < season.length; start += 50)
      await Promise.all(
        season.slice(start, start + 50).map(({ features }, index) =>
          server.call('predict', {
            model_id: 'nba',
            inputs: [features],
            prediction_ids: [`game-${start + index}`],
          }),
        ),
      );
    const outcomes = season.map(({ actual }, index) => ({ prediction_id: `game-${index}`, actual }));
    await server.call('record_outcomes', { model_id: 'nba', outcomes });
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
  });

  it.skipIf(skipped)('says what both versions answer, and live calls see nothing of it', async () => {
    const standing = async () => ({
      model: (await server.call('get_model', { model_id: 'nba' })).traffic,
      health: (await server.call('health_check', { model_id: 'nba' })).models.map(
        ({ version, request_count, error_count, circuit_breaker }) => ({
          version,
          request_count,
          error_count,
          circuit_breaker,
        }),
      ),
      logged: (await server.call('list_predictions', { model_id: 'nba', limit: 1 })).total,
    });
    const before = await standing();
    const hosts = childrenOf(server.pid);
    const found = await server.call('backtest', {
      model_id: 'nba',
      version: '2',
      segment_by: 'home_back_to_back',
      response_format: 'detailed',
    });
    expect(await standing()).toEqual(before);
    await untilGone(childrenOf(server.pid).filter((pid) => !hosts.includes(pid)));

    // The same by the predictions that callers of each version get.
    await server.call('deploy_model', { model_id: 'nba', version: '2', set_active: false });
    const answersOf = async (version: string) => {
      const labels: unknown[] = [];
      for (let start = 0; start < season.length; start += 500) {
        const inputs = season.slice(start, start + 500).map(({ features }) => features);
        const { predictions } = await server.call('predict', { model_id: 'nba', version, inputs });
        labels.push(...predictions.map(({ value }) => value));
      }
      return labels;
    };
    const [one, other] = [await answersOf('1'), await answersOf('2')];
    const agrees = one.map((label, game) => label === other[game]);
    const accuracy = (labels: readonly unknown[]) =>
      share(labels.map((label, game) => label === season[game]?.actual));
    expect(found).toMatchObject({
      model_id: 'nba',
      version: '2',
      against: '1',
      verdict: 'better',
      rows: { available: 1230, replayed: 1230, compared: 1230, with_outcome: 1230 },
      refused_rows: { version: 0, against: 0, reasons: [] },
      warnings: [],
    });
    expect(found.agreement.agreed).toBe(agrees.filter(Boolean).length);
    expect(found.agreement.share).toBeCloseTo(share(agrees), 4);
    const metric = (name: string) => found.metrics.find((each) => each.metric === name);
    expect(metric('accuracy')?.against).toBeCloseTo(accuracy(one), 4);
    expect(metric('accuracy')?.version).toBeCloseTo(accuracy(other), 4);
    expect(found.metrics.map(({ metric: name }) => name)).toEqual([
      'accuracy',
      'precision',
      'recall',
      'f1',
      'log_loss',
      'brier',
      'roc_auc',
    ]);

    const segments = found.agreement.segments ?? [];
    for (const { segment, rows, share: agreed, against, version } of segments) {
      const games = [...season.keys()].filter(
        (game) => String(season[game]?.features.home_back_to_back) === segment,
      );
      const own = (labels: readonly unknown[]) =>
        share(games.map((game) => labels[game] === season[game]?.actual));
      expect(rows).toBe(games.length);
      expect(agreed).toBeCloseTo(share(games.map((game) => agrees[game] === true)), 4);
      expect(against).toBeCloseTo(own(one), 4);
      expect(version).toBeCloseTo(own(other), 4);
    }
    expect(segments.map(({ segment }) => segment).toSorted()).toEqual(['0', '1']);
    // The second version counts games on consecutive days.
    expect(found.agreement.where).toContainEqual(
      expect.objectContaining({ feature: 'home_back_to_back', range: '1' }),
    );
    const [largest] = found.differences;
    const game = Number(largest?.row.replace('game-', ''));
    expect(largest).toMatchObject({
      against: one[game],
      version: other[game],
      actual: season[game]?.actual,
      features: { home_points_last10: season[game]?.features.home_points_last10 },
    });
    expect(found.latency_ms.version?.runs).toBeGreaterThan(0);

    const concise = await server.call('backtest', { model_id: 'nba', version: '2' });
    expect(JSON.stringify(concise).length / 4).toBeLessThan(2000);
  });

  it.skipIf(skipped)('of more rows than asked for replays a draw, the same each time', async () => {
    const draw = () =>
      server.call('backtest', { model_id: 'nba', version: '2', max_rows: 300, response_format: 'detailed' });
    const first = await draw();
    const { available } = first.rows;
    expect(first.rows).toMatchObject({ replayed: 300, compared: 300 });
    expect(available).toBeGreaterThanOrEqual(1230);
    expect(first.rows.sample).toContain('Uniform');
    const second = await draw();
    const named = ({ differences }: typeof first) => differences.map(({ row }) => row);
    expect(named(second)).toEqual(named(first));
    expect(second.metrics).toEqual(first.metrics);
  });

  it.skipIf(skipped)(
    'of a file counts its rows by entity, and says which rows a version refuses',
    async () => {
      const header = [...facts.feature_names, 'home_team', 'actual'].join(',');
      const lines = season.map(({ features, home_team, actual }, game) => {
        const values = facts.feature_names.map((name) =>
          game % 100 === 0 && name === 'home_win_share' ? '' : features[name],
        );
        return [...values, home_team, actual].join(',');
      });
      const path = join(server.directory, 'games.csv');
      writeFileSync(path, `${[header, ...lines].join('\n')}\n`);
      const found = await server.call('backtest', {
        model_id: 'nba',
        version: '2',
        against: '1',
        path,
        outcome_column: 'actual',
        entity_column: 'home_team',
        segment_by: 'home_rest_days',
      });
      const teams = new Set(season.map(({ home_team }) => home_team));
      expect(found.rows).toEqual({
        available: 1230,
        replayed: 1230,
        compared: 1217,
        with_outcome: 1217,
        units: teams.size,
      });
      expect(found.refused_rows).toMatchObject({ version: 13, against: 13 });
      expect(found.refused_rows.reasons[0]).toMatchObject({
        rows: 13,
        reason: expect.stringContaining('"home_win_share" is missing'),
      });
      expect(found.metrics[0]).toMatchObject({ metric: 'accuracy', test: 'paired_t' });
      expect(found.differences[0]?.row).toMatch(/^line \d+$/);

      const wrong = { model_id: 'nba', version: '2', path };
      expect(await server.fail('backtest', { ...wrong, outcome_column: 'ended' })).toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('outcome_column'),
      });
      expect(await server.fail('backtest', { ...wrong, window_hours: 1 })).toMatchObject({
        code: 'INVALID_INPUT',
      });
      writeFileSync(path, 'home_win_share,actual\n0.5,home_win\n');
      expect(await server.fail('backtest', wrong)).toMatchObject({
        code: 'SIGNATURE_MISMATCH',
        message: expect.stringContaining('no column for what nba 1 needs: home_points_last10'),
      });
    },
  );

  it.skipIf(skipped)('is a gate of a promotion', async () => {
    const promotion = { model_id: 'nba', version: '2', target_stage: 'production' };
    const set = (not_worse_by: number, on: string) =>
      server.call('update_model', {
        model_id: 'nba',
        gates: { production: { backtest: { not_worse_by, on } } },
      });
    await server.call('promote_model', { ...promotion, version: '1' });
    await set(0, 'recall');
    const refused = await server.call('promote_model', { ...promotion, dry_run: true });
    expect(refused.gates).toContainEqual({
      name: 'backtest:recall',
      passed: false,
      detail: expect.stringMatching(
        /rows with an outcome recall is 0\.\d+, of the incumbent 1 0\.\d+\. At worst it is worse by 0\.0\d+; 0 is allowed/,
      ),
    });
    expect(await server.fail('promote_model', promotion)).toMatchObject({ code: 'GATE_FAILED' });
    await set(0.01, 'mae');
    expect((await server.fail('promote_model', promotion)).message).toContain(
      'mae is not a metric of what these versions answer',
    );
    expect(
      await server.fail('update_model', {
        model_id: 'nba',
        gates: { production: { backtest: { not_worse_by: 0, on: 'luck' } } },
      }),
    ).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('on="luck" is not valid: must be one of "accuracy"'),
    });
    await set(0.01, 'accuracy');
    const promoted = await server.call('promote_model', promotion);
    expect(promoted).toMatchObject({ applied: true, archived: ['1'] });
  });
});

describe('what cannot be replayed is refused, and says why', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ settings: { MODELYARD_LOG_EXCLUDE_FEATURES: 'kept:a' } });
  });
  afterAll(() => server.close());

  it('tensors without features', async () => {
    const model = { model_id: 'images', source: testModel('image_like') };
    await server.call('deploy_model', { ...model, version: '1' });
    await server.call('register_model', { ...model, version: '2' });
    expect(await server.fail('backtest', { model_id: 'images', version: '2' })).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringContaining('images 1 has no named features'),
    });
  });

  it('features that the log leaves out, a window without calls, a version against itself', async () => {
    const model = {
      model_id: 'kept',
      source: testModel('linear_float32'),
      feature_names: ['a', 'b', 'c'],
    };
    await server.call('deploy_model', { ...model, version: '1' });
    await server.call('register_model', { ...model, version: '2' });
    const asked = { model_id: 'kept', version: '2' };
    expect(await server.fail('backtest', asked)).toMatchObject({ code: 'NOT_ENOUGH_DATA' });
    await server.call('predict', { model_id: 'kept', inputs: [{ a: 1, b: 2, c: 3 }] });
    expect(await server.fail('backtest', asked)).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringContaining('needs: a. MODELYARD_LOG_EXCLUDE_FEATURES keeps a out'),
    });
    expect(await server.fail('backtest', { ...asked, version: '1' })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('compared with itself'),
    });
    expect(await server.fail('backtest', { ...asked, segment_by: 'd' })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('segment_by names "d"'),
    });
  });

  /** Registers models of one feature x as versions 1 and 2, the first active, and writes a file of rows. */
  async function beside(model_id: string, [one, other]: readonly [string, string], rows: readonly number[]) {
    const feature_names = ['x'];
    await server.call('deploy_model', { model_id, version: '1', source: testModel(one), feature_names });
    await server.call('register_model', { model_id, version: '2', source: testModel(other), feature_names });
    const path = join(server.directory, `${model_id}.csv`);
    writeFileSync(path, ['x', ...rows].join('\n'));
    return { model_id, version: '2', path };
  }

  it('a row that the candidate fails is refused alone, and counts against it', async () => {
    const rows = Array.from({ length: 500 }, (_, row) => (row % 50 === 7 ? 101 : row % 2));
    const found = await server.call('backtest', await beside('fails', ['slow_run', 'fails_run'], rows));
    expect(found.rows).toMatchObject({ replayed: 500, compared: 490, with_outcome: 0 });
    expect(found.refused_rows).toMatchObject({ version: 10, against: 0 });
    expect(found.metrics).toMatchObject([
      { metric: 'refusals', against: 0, version: 0.02, verdict: 'worse' },
    ]);
    expect(found.verdict).toBe('worse');
    // 2·⌊x⌋ is x where that is 0.
    const ones = rows.filter((x) => x === 1).length;
    expect(found.agreement.agreed).toBe(490 - ones);
    expect(found.agreement.mean_difference).toBeCloseTo(ones / 490, 4);
  });

  it('a call that is cancelled leaves no host behind', async () => {
    const asked = await beside('slow', ['slow_run', 'slow_run'], [1e9]);
    const before = childrenOf(server.pid);
    const cancelling = new AbortController();
    const call = server.attempt('backtest', asked, { signal: cancelling.signal });
    const hosts = await until('both hosts', () => {
      const started = childrenOf(server.pid).filter((pid) => !before.includes(pid));
      return started.length === 2 && started;
    });
    cancelling.abort();
    await expect(call).rejects.toThrow();
    await untilGone(hosts);
    expect((await server.call('health_check')).status).toBe('healthy');
  });
});

describe('a candidate that crashes on rows', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ settings: { MODELYARD_ENGINE_MEMORY_MB: '400' } });
  });
  afterAll(() => server.close());

  it('refuses them, and all others once its host is not started again', async () => {
    const model = { model_id: 'crashing' };
    await server.call('deploy_model', { ...model, version: '1', source: testModel('nan_output') });
    await server.call('register_model', { ...model, version: '2', source: testModel('memory_balloon') });
    const path = join(server.directory, 'rows.csv');
    const rows = Array.from({ length: 40 }, (_, row) => (row % 2 === 0 ? 1e9 : 2));
    writeFileSync(path, ['x', ...rows].join('\n'));
    const found = await server.call('backtest', { ...model, version: '2', path });
    expect(found).toMatchObject({ verdict: 'worse', refused_rows: { against: 0 } });
    expect(found.refused_rows.version).toBeGreaterThanOrEqual(20);
    expect(found.refused_rows.reasons.map(({ reason }) => reason)).toContainEqual(
      expect.stringContaining('ended 11 times on replayed rows, and is not started again'),
    );
  }, 120_000);
});
