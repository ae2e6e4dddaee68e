import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const hourMs = 3_600_000;
/** The server rests between two looks at outcomes for longer where looking took longer. */
const alertWithinMs = 45_000;
const version = '1';

/** Predictions of fraud, which one row in a hundred is, found with a recall of so many in twenty. */
interface Payments {
  rows: number;
  foundOf20: number;
  hoursAgo: number;
  /** Of the rows' ids. */
  prefix: string;
  /** Whether the actual values are known when the predictions are told. */
  isKnown: boolean;
}

function payments({ rows, foundOf20, hoursAgo, prefix, isKnown }: Payments) {
  const at = new Date(Date.now() - hoursAgo * hourMs).toISOString();
  return Array.from({ length: rows }, (_, row) => {
    const isFraud = row % 100 === 0;
    const isFound = isFraud && (row / 100) % 20 < foundOf20;
    return {
      prediction_id: `${prefix}${row}`,
      features: { x: (row % 50) / 50 },
      prediction: isFound ? 'fraud' : 'no',
      ...(isKnown && { actual: isFraud ? 'fraud' : 'no' }),
      at,
    };
  });
}

describe.each(stores)('what alerts see $name', ({ skipped, open }) => {
  let store: TestStore;
  let server: TestServer;

  beforeAll(async () => {
    if (skipped) return;
    store = await open();
    server = await startServer({ settings: { ...store.settings, HEALTH_CHECK_INTERVAL_SEC: '1' } });
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
  });

  async function tell(model_id: string, predictions: readonly object[]): Promise<void> {
    const path = join(server.directory, `${model_id}.jsonl`);
    writeFileSync(path, predictions.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(await server.call('log_predictions', { model_id, version, path })).toMatchObject({
      logged: predictions.length,
    });
  }
  /** A model whose predictions of three days ago, of which 85 of 100 frauds were found, are its reference. */
  async function watched(model_id: string): Promise<void> {
    await server.call('register_model', {
      model_id,
      version,
      source: testModel('slow_run'),
      class_labels: ['no', 'fraud'],
    });
    await tell(
      model_id,
      payments({ rows: 10_000, foundOf20: 17, hoursAgo: 72, prefix: 'old ', isKnown: true }),
    );
    await server.call('set_reference_data', { model_id, version, from_hours: 80 });
  }
  const alertOf = (model_id: string) =>
    until(
      `an alert of ${model_id}`,
      async () => {
        const { alerts } = await server.call('list_alerts', { model_id });
        return alerts[0];
      },
      alertWithinMs,
    );

  it.skipIf(skipped)(
    'a recall that falls from 0.85 to 0 is named, and the model is not healthy; the same recall is silent',
    async () => {
      await watched('steady');
      await tell(
        'steady',
        payments({ rows: 4000, foundOf20: 17, hoursAgo: 1, prefix: 'new ', isKnown: true }),
      );
      await watched('blind');
      await tell('blind', payments({ rows: 4000, foundOf20: 0, hoursAgo: 1, prefix: 'new ', isKnown: true }));
      const alert = await alertOf('blind');
      expect(alert).toMatchObject({ version, state: 'open', severity: 'critical', rules: ['performance'] });
      expect(alert.summary).toMatch(/recall 0 \(reference 0\.85\)/);
      const { checks } = await server.call('health_check');
      expect(checks).toContainEqual({
        name: 'alerts',
        status: 'degraded',
        detail: expect.stringContaining('1 critical'),
      });
      // It was told of before, so the evaluation that found the other one judged it too.
      expect(await server.call('list_alerts', { model_id: 'steady' })).toMatchObject({ total: 0 });
    },
  );

  it.skipIf(skipped)('labels that come two days late are judged when they come', async () => {
    await watched('late');
    const late = payments({ rows: 4000, foundOf20: 0, hoursAgo: 48, prefix: 'new ', isKnown: false });
    await tell('late', late);
    const path = join(server.directory, 'labels.csv');
    const lines = late.map(
      ({ prediction_id }, row) => `${prediction_id},${row % 100 === 0 ? 'fraud' : 'no'}`,
    );
    writeFileSync(path, `prediction_id,actual\n${lines.join('\n')}\n`);
    const recorded = await server.call('record_outcomes', { model_id: 'late', path });
    expect(recorded.matched).toBe(4000);
    // The window that get_performance shows unless told has none of them: both say which one has.
    expect(recorded.warnings.join()).toMatch(/4000 of .* window_hours=49 shows them/);
    const { notes } = await server.call('get_performance', { model_id: 'late', version });
    expect(notes.join()).toMatch(
      /No prediction of this window has an outcome\. .*window_hours=\d+ shows them/,
    );
    const alert = await alertOf('late');
    expect(alert).toMatchObject({ severity: 'critical', rules: ['performance'] });
    // The outcomes of the reference's own predictions came today too, so 100 of these 140 frauds are its.
    expect(alert.summary).toMatch(/recall 0\.6071 \(reference 0\.85\)/);
  });

  it.skipIf(skipped)(
    'values of which 9 % are missing that never were: a warning that sends to the pipeline first',
    async () => {
      const model_id = 'gaps';
      const feature_names = ['age', 'income', 'debt', 'tenure'];
      await server.call('register_model', {
        model_id,
        version,
        source: testModel('hist_gradient_classifier'),
        feature_names,
      });
      const rows = (hoursAgo: number, missing: number) => {
        const at = new Date(Date.now() - hoursAgo * hourMs).toISOString();
        return Array.from({ length: 20_000 }, (_, row) => ({
          features: {
            age: row % 100 < missing ? null : (row % 97) / 97,
            income: (row % 89) / 89,
            debt: (row % 83) / 83,
            tenure: (row % 79) / 79,
          },
          prediction: row % 2 === 0 ? 'low' : 'high',
          at,
        }));
      };
      await tell(model_id, rows(72, 0));
      await server.call('set_reference_data', { model_id, version, from_hours: 80 });
      await tell(model_id, rows(1, 9));
      expect(await alertOf(model_id)).toMatchObject({
        severity: 'warning',
        rules: ['missing_data'],
        summary:
          'The share of missing values changed in 1 feature: "age" (0.0 % → 9.0 %). Check the data pipeline before the model.',
      });
      const drift = await server.call('detect_drift', { model_id, version });
      expect(drift).toMatchObject({ is_drift: true, drifted_features: ['age'], drifted_predictions: [] });
      expect(drift.results[0]).toMatchObject({ cause: 'missing', severity: 'moderate' });
      expect(drift.recommendation).toMatch(/^Look first at "age": 9\.0 % of its values are missing/);
      // A rise from none counts whatever the limit; a limit is there for shares that are never 0.
      const wide = await server.call('detect_drift', { model_id, version, missing_threshold: 0.2 });
      expect(wide.results[0]).toMatchObject({ cause: 'missing', severity: 'low' });
    },
  );
});
