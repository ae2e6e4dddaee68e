import { beforeAll, describe, expect, test } from 'vitest';
import { createStream, readFindings, type StreamName, watchCalls } from '../../src/change_detectors/index.ts';
import { journalLine, openJournal } from '../../src/prediction_log/journal.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import type { Database } from '../../src/storage/database.ts';
import { uniforms } from '../monitoring/drift/recipe.ts';
import { answered, failed } from '../prediction_log/entries.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';

const start = Date.UTC(2026, 0, 1);

/** Calls a second apart; latencies spread around a median by a factor of up to e either way. */
function calls(count: number, from: number, given: { errorRate?: number; medianMs?: number; seed?: number }) {
  const uniform = uniforms(given.seed ?? 1);
  return Array.from({ length: count }, (_, index) => ({
    at: start + (from + index) * 1000,
    latencyMs: (given.medianMs ?? 10) * Math.exp(uniform() + uniform() - 1),
    rows: 1,
    failed: uniform() < (given.errorRate ?? 0.01),
  }));
}

describe('a stream of calls', () => {
  const findings = (name: StreamName, given: ReturnType<typeof calls>) => {
    const stream = createStream(name);
    watchCalls(name, stream, given);
    return stream.findings;
  };

  test.each([0, 0.01, 0.2])(
    'with a steady share of %d failures raises nothing in 50 000 calls',
    (errorRate) => {
      expect(findings('errors', calls(50_000, 0, { errorRate }))).toEqual([]);
    },
  );

  test('of steady latency raises nothing, bulk calls and failures among them', () => {
    const steady = calls(50_000, 0, {}).map((call, index) =>
      index % 100 === 0 ? { ...call, rows: 1000, latencyMs: 500 } : call,
    );
    expect(findings('latency', steady)).toEqual([]);
  });

  test('that begins to fail is found by both detectors, from what to what', () => {
    const found = findings('errors', [
      ...calls(5000, 0, {}),
      ...calls(1000, 5000, { errorRate: 0.4, seed: 2 }),
    ]);
    expect(found.map(({ detector }) => detector).toSorted()).toEqual(['adwin', 'page_hinkley']);
    for (const { direction, before, after, at } of found) {
      expect(direction).toBe('up');
      expect(before).toBeLessThan(0.03);
      expect(after).toBeGreaterThan(0.2);
      expect(at).toBeGreaterThan(start + 5000 * 1000);
      expect(at).toBeLessThan(start + 5400 * 1000);
    }
  });

  test('that becomes slow and quick again is found each time, in milliseconds', () => {
    const found = findings('latency', [
      ...calls(5000, 0, { medianMs: 10 }),
      ...calls(3000, 5000, { medianMs: 30, seed: 2 }),
      ...calls(3000, 8000, { medianMs: 10, seed: 3 }),
    ]).filter(({ detector }) => detector === 'adwin');
    expect(found.map(({ direction }) => direction)).toEqual(['down', 'up']);
    expect(found[1]?.before).toBeGreaterThan(9);
    expect(found[1]?.before).toBeLessThan(12);
    expect(found[1]?.after).toBeGreaterThan(20);
  });

  test('goes on from what was kept as it would have without a break', () => {
    const given = [...calls(3000, 0, {}), ...calls(500, 3000, { errorRate: 0.3, seed: 2 })];
    for (const name of ['errors', 'latency'] as const) {
      const whole = createStream(name);
      watchCalls(name, whole, given);
      let kept = createStream(name);
      for (let from = 0; from < given.length; from += 333) {
        watchCalls(name, kept, given.slice(from, from + 333));
        kept = JSON.parse(JSON.stringify(kept));
      }
      expect(kept).toEqual(whole);
    }
  });
});

describeOnEachDatabase('the calls of the log', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });

  const entriesOf = (modelId: string, given: ReturnType<typeof calls>): PredictionEntry[] =>
    given.map(({ at, latencyMs, failed: isFailed }) =>
      isFailed ? failed({ modelId, at, latencyMs }) : answered({ modelId, at, latencyMs }),
    );

  test('reach the detectors once each, in whatever steps they are moved and by how many', async () => {
    const modelId = 'watched';
    const given = [...calls(1500, 0, {}), ...calls(600, 1500, { errorRate: 0.5, seed: 2 })];
    const directory = temporaryDirectory();
    const journal = openJournal(directory);
    const others = [database, (await store.open()).database];
    for (let from = 0; from < given.length; from += 700) {
      journal.append(entriesOf(modelId, given.slice(from, from + 700)).map(journalLine));
      // A shadow's failures are nobody's.
      journal.append(
        [failed({ modelId, at: start, route: 'shadow', shadow: { primaryVersion: '2', agreed: 0 } })].map(
          journalLine,
        ),
      );
      await Promise.all(others.map((one) => moveJournals(one, directory, journal)));
    }
    const expected = createStream('errors');
    watchCalls('errors', expected, given);
    const row = await database
      .selectFrom('online_streams')
      .selectAll()
      .where('model_id', '=', modelId)
      .where('stream', '=', 'errors')
      .executeTakeFirstOrThrow();
    const { findings, ...watched } = expected;
    expect(JSON.parse(row.detectors)).toEqual(watched);
    expect(findings.length).toBeGreaterThan(0);
    const common = { modelId, version: '1', stream: 'errors' };
    expect(await readFindings(database, { modelId, since: start })).toEqual(
      findings.map((finding) => ({ ...common, ...finding })),
    );
    expect(await readFindings(database, { modelId, since: start + 10 * 3_600_000 })).toEqual([]);
  });
});
