import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/statistics/random.ts';
import { readSuccess, startServer, type TestServer, type ToolOutput } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';

interface Row {
  age: number | null;
  count: number;
  flag: boolean;
  city: string | null;
}

let server: TestServer;
let scratch: Scratch;

const cities = ['Bern', 'Basel', 'Chur', 'Genf'];
const random = seededRandom(3);
const rowsOf = (count: number, change: (row: Row, index: number) => Partial<Row> = () => ({})): Row[] =>
  Array.from({ length: count }, (_, index) => {
    const row: Row = {
      age: Math.round(1000 * (random() + random() + random())) / 100,
      count: Math.floor(20 * random()),
      flag: random() < 0.3,
      city: cities[Math.floor(random() * cities.length)] ?? '',
    };
    return { ...row, ...change(row, index) };
  });

beforeAll(async () => {
  scratch = scratchDirectory();
  const settings = { MODELYARD_LOG_EXCLUDE_FEATURES: 'private:city' };
  server = await startServer({ directory: scratch.path, settings });
  await server.call('deploy_model', { model_id: 'mixed', version: '1', source: testModel('mixed_columns') });
  await server.call('deploy_model', { model_id: 'wide', version: '1', source: testModel('many_features') });
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

const setReference = (given: object) => server.call('set_reference_data', { model_id: 'mixed', ...given });
const detect = (current_data: unknown[], given: object = {}) =>
  server.call('detect_drift', { model_id: 'mixed', current_data, ...given });
const resultOf = ({ results }: ToolOutput<'detect_drift'>, feature: string) =>
  results.find((result) => result.feature === feature);
/** Every number of an answer is one: JSON would have made null of any other. */
const tokens = (answer: object) => JSON.stringify(answer).length / 4;

describe('a reference', () => {
  it('comes from records, CSV, Parquet and the log alike, and a report says which it used', async () => {
    const rows = rowsOf(400);
    const csv = join(scratch.path, 'reference.csv');
    writeFileSync(
      csv,
      `age,count,flag,city\n${rows.map(({ age, count, flag, city }) => `${age},${count},${flag},${city}`).join('\n')}\n`,
    );
    const parquet = join(scratch.path, 'reference.parquet');
    const column = (name: keyof Row, type: 'DOUBLE' | 'INT64' | 'BOOLEAN' | 'STRING') => ({
      name,
      data: rows.map((row) => (name === 'count' ? BigInt(row.count) : row[name])),
      type,
    });
    const bytes = parquetWriteBuffer({
      columnData: [
        column('age', 'DOUBLE'),
        column('count', 'INT64'),
        column('flag', 'BOOLEAN'),
        column('city', 'STRING'),
      ],
    });
    writeFileSync(parquet, Buffer.from(bytes));
    const current = rowsOf(300, ({ age }) => ({ age: (age ?? 0) + 10 }));
    const reports = [];
    for (const given of [{ data: rows }, { path: csv }, { path: parquet }]) {
      const reference = await setReference(given);
      expect(reference).toMatchObject({ rows: 400, kept_rows: 400, outcomes: 0, warnings: [] });
      const report = await detect(current);
      expect(report.reference).toEqual({
        reference_id: reference.reference_id,
        created_at: reference.created_at,
        source: reference.source,
        rows: 400,
      });
      reports.push(report);
    }
    await server.call('predict', { model_id: 'mixed', inputs: rows });
    const logged = await setReference({ from_hours: 1 });
    expect(logged).toMatchObject({ rows: 400, source: expect.stringContaining('prediction log') });
    reports.push(await detect(current));
    const [first, ...others] = reports;
    for (const report of others) expect(report.results).toEqual(first?.results);
    expect(first?.drifted_features).toContain('age');
  });

  it('of numbers as text is equal to the float32 numbers that the model was called with', async () => {
    const csv = join(scratch.path, 'decimals.csv');
    const rows = rowsOf(200, (_, index) => ({ age: (index % 8) / 10 }));
    writeFileSync(
      csv,
      `age,count,flag,city\n${rows.map((row) => Object.values(row).join(',')).join('\n')}\n`,
    );
    await setReference({ path: csv });
    const since = new Date().toISOString();
    const inputs = rows.map((row) => ({ ...row, age: Math.fround(row.age ?? 0) }));
    await server.call('predict', { model_id: 'mixed', inputs });
    for (const method of ['auto', 'psi']) {
      const report = await server.call('detect_drift', { model_id: 'mixed', since, method });
      expect(resultOf(report, 'age')).toMatchObject({ score: 0, current_n: 200 });
      expect(report.is_drift).toBe(false);
    }
  });

  it('that is older can be named', async () => {
    const old = await setReference({ data: rowsOf(100) });
    const moved = rowsOf(100, () => ({ city: 'Bern' }));
    const recent = await setReference({ data: moved });
    expect(await detect(moved)).toMatchObject({
      is_drift: false,
      reference: { reference_id: recent.reference_id },
    });
    const against = await detect(moved, { reference_id: old.reference_id });
    expect(against).toMatchObject({ is_drift: true, reference: { reference_id: old.reference_id } });
  });

  it('keeps the actual values, from a column of the rows', async () => {
    const sold = rowsOf(50).map((row, index) => ({ ...row, sold: index % 3 === 0 ? null : index % 2 }));
    expect(await setReference({ data: sold, outcome_column: 'sold' })).toMatchObject({
      rows: 50,
      outcomes: 33,
      warnings: [],
    });
  });
});

describe('what is asked of a report', () => {
  beforeAll(() => setReference({ data: rowsOf(2000) }));

  it('segments show what the whole hides', async () => {
    // Up in one city, down in another: as a whole hardly anything.
    const current = rowsOf(1200, ({ age, city }) => ({
      age: (age ?? 0) + (city === 'Bern' ? 6 : city === 'Chur' ? -6 : 0),
    }));
    const report = await detect(current, { segment_by: 'city', target: 'features' });
    expect(report.segments).toMatchObject({ by: 'city', is_drift: true });
    expect(report.segments?.drifted.toSorted()).toEqual(['Bern', 'Chur']);
    const bern = report.segments?.groups.find(({ segment }) => segment === 'Bern');
    expect(bern).toMatchObject({ is_drift: true, drifted_features: ['age'] });
    expect(bern?.score).toBeGreaterThan(1);
    expect(tokens(report)).toBeLessThan(2000);
  });

  it('the features together show what none shows alone', async () => {
    const together = rowsOf(800, (_, index) => ({ age: index % 30, count: index % 30 }));
    const shuffled = rowsOf(800, (_, index) => ({ age: index % 30, count: (7 * index) % 30 }));
    await setReference({ data: shuffled });
    const report = await detect(together, { method: 'multivariate' });
    expect(report).toMatchObject({
      is_drift: true,
      results: [],
      multivariate: { features: 2, changed_pairs: [{ features: ['age', 'count'] }] },
    });
    expect(report.drifted_features.toSorted()).toEqual(['age', 'count']);
    expect(report.recommendation).toContain('"age" and "count"');
    expect(await detect(shuffled, { method: 'multivariate' })).toMatchObject({ is_drift: false });
    await setReference({ data: rowsOf(2000) });
  });

  it('a window in stretches of time shows when it began', async () => {
    const since = new Date().toISOString();
    await server.call('predict', { model_id: 'mixed', inputs: rowsOf(200) });
    await server.call('predict', { model_id: 'mixed', inputs: rowsOf(200, () => ({ city: 'Genf' })) });
    const report = await server.call('detect_drift', { model_id: 'mixed', since, buckets: 2 });
    expect(report.over_time?.buckets).toHaveLength(2);
    expect(report.over_time?.buckets.reduce((rows, bucket) => rows + bucket.rows, 0)).toBe(400);
    expect(report.over_time?.is_drift).toBe(true);
    expect(report.over_time?.buckets.some(({ worst, score }) => worst === 'city' && (score ?? 0) > 1)).toBe(
      true,
    );
  });

  it('missing values, new categories, columns that came and went are findings of their own', async () => {
    const current = rowsOf(500, (_, index) => ({
      age: index % 2 === 0 ? null : 15,
      city: index % 5 === 0 ? 'Zug' : 'Bern',
    })).map(({ flag: _, ...row }) => row);
    const report = await detect(current, { target: 'features' });
    expect(report).toMatchObject({
      is_drift: true,
      drifted_features: expect.arrayContaining(['flag', 'age', 'city']),
      missing_shift: ['age'],
      unseen_categories: [
        {
          feature: 'city',
          categories: 1,
          most_frequent: [{ category: 'Zug', rows: 100 }],
          share: 0.2,
          is_drift: true,
        },
      ],
      absent_columns: ['flag'],
      warnings: ['Features without a column: flag.'],
    });
    expect(report.recommendation).toContain('Look first at "flag": it is absent in the current rows');
    expect(resultOf(report, 'flag')).toMatchObject({ is_drift: true, severity: 'high', cause: 'absent' });
    expect(resultOf(report, 'age')?.note).toContain('MISSING_SHARE');
  });

  it('results are ranked by how far over the threshold they are', async () => {
    const { results } = await detect(rowsOf(500, ({ age }) => ({ age: (age ?? 0) + 4, city: 'Bern' })));
    const ratios = results.map(({ over_threshold }) => over_threshold ?? -1);
    expect(ratios).toEqual(ratios.toSorted((one, other) => other - one));
    expect(results[0]).toMatchObject({ is_drift: true });
    expect(ratios[0]).toBeGreaterThan(1);
  });

  it('pictures come beside the facts, and only when they are wanted', async () => {
    const since = new Date().toISOString();
    await server.call('predict', { model_id: 'mixed', inputs: rowsOf(100) });
    const given = { model_id: 'mixed', since, buckets: 3 };
    const plain = await server.attempt('detect_drift', given);
    expect(plain.content.map(({ type }) => type)).toEqual(['text']);
    const drawn = await server.attempt('detect_drift', { ...given, chart: true });
    expect(drawn.content.map(({ type }) => type)).toEqual(['text', 'image', 'image']);
    for (const picture of drawn.content) {
      if (picture.type !== 'image') continue;
      expect(picture.mimeType).toBe('image/png');
      const png = Buffer.from(picture.data, 'base64');
      expect(png.subarray(1, 4).toString()).toBe('PNG');
      // Width, in the header of the file.
      expect(png.readUInt32BE(16)).toBe(1200);
    }
    expect(readSuccess('detect_drift', drawn).results).toEqual(readSuccess('detect_drift', plain).results);
  });

  it('a default answer about many drifted features stays below 2 000 tokens', async () => {
    const { versions } = await server.call('get_model', {
      model_id: 'wide',
      version: '1',
      response_format: 'detailed',
    });
    const names = versions.flatMap(({ signature }) => signature?.features.map(({ name }) => name) ?? []);
    const wide = (shift: number) =>
      Array.from({ length: 60 }, () =>
        Object.fromEntries(names.map((name) => [name, random() / 3 + shift + 1 / 7])),
      );
    await server.call('set_reference_data', { model_id: 'wide', data: wide(0) });
    const report = await server.call('detect_drift', { model_id: 'wide', current_data: wide(1) });
    expect(names.length).toBeGreaterThan(50);
    expect(report.drifted_total).toBeGreaterThanOrEqual(names.length);
    expect(tokens(report)).toBeLessThan(2000);
  });
});

describe('a feature that is never logged', () => {
  it('is not compared and not missed, and the report says so', async () => {
    const model_id = 'private';
    await server.call('deploy_model', { model_id, version: '1', source: testModel('mixed_columns') });
    await server.call('set_reference_data', { model_id, data: rowsOf(200) });
    await server.call('predict', { model_id, inputs: rowsOf(200) });
    const { predictions } = await server.call('list_predictions', { model_id, limit: 1 });
    expect(Object.keys(predictions[0]?.features ?? {})).toEqual(['age', 'count', 'flag']);
    const report = await server.call('detect_drift', { model_id });
    expect(report.window.rows).toBe(200);
    expect(resultOf(report, 'age')?.score).toBeTypeOf('number');
    expect(resultOf(report, 'city')).toBeUndefined();
    expect(report.recommendation).not.toContain('Restore');
    expect(report.warnings.join()).toContain('Not in the log, so not compared: city');
  });
});

describe('nothing is too odd for a report', () => {
  const stable = { age: false, count: false, flag: false, city: false };
  const verdicts = (report: ToolOutput<'detect_drift'>) =>
    Object.fromEntries(report.results.map(({ feature, is_drift }) => [feature, is_drift]));
  const features = { target: 'features' };
  beforeAll(() => setReference({ data: rowsOf(500) }));

  it.each<[string, unknown[]]>([
    ['no rows', []],
    ['one row', rowsOf(1)],
    ['a row without anything', [{}]],
  ])('%s: no verdict', async (_, rows) => {
    const report = await detect(rows, features);
    expect(report).toMatchObject({ is_drift: false, drifted_features: [], drifted_share: 0 });
    for (const result of report.results) {
      expect(result.score).toBeNull();
      expect(result.note).toBeUndefined();
    }
    expect(report.warnings.filter((told) => /NOT_ENOUGH_DATA|COLUMN_ABSENT/.test(told))).toEqual([
      expect.stringMatching(/^4 of 4 were not judged\. /),
    ]);
    expect(report.recommendation).toMatch(/No feature could be judged, so is_drift=false says nothing/);
  });

  it('a file without rows: no verdict', async () => {
    const current_path = join(scratch.path, 'header_only.csv');
    writeFileSync(current_path, 'age,count,flag,city\n');
    const report = await server.call('detect_drift', { model_id: 'mixed', current_path });
    expect(report).toMatchObject({ is_drift: false, window: { rows: 0 } });
  });

  it('all missing: the shift of missing values is the finding', async () => {
    const report = await detect(
      Array.from({ length: 100 }, () => ({ age: null, count: null, flag: null, city: null })),
      features,
    );
    expect(report.missing_shift?.toSorted()).toEqual(['age', 'city', 'count', 'flag']);
    expect(report.is_drift).toBe(true);
  });

  it('constant columns: drift, with what they were and are', async () => {
    const report = await detect(
      rowsOf(100, () => ({ age: 7, count: 3, flag: true, city: 'Bern' })),
      features,
    );
    expect(verdicts(report)).toEqual({ age: true, count: true, flag: true, city: true });
    expect(resultOf(report, 'age')).toMatchObject({ current_median: 7 });
  });

  it('a category a row: one finding, cut short', async () => {
    const report = await detect(
      rowsOf(3000, (_, index) => ({ city: `${'x'.repeat(300)} ${index}` })),
      features,
    );
    expect(verdicts(report)).toEqual({ ...stable, city: true });
    expect(report.unseen_categories).toMatchObject([{ feature: 'city', categories: 3000, share: 1 }]);
    expect(tokens(report)).toBeLessThan(2000);
  });

  it('mixed types: values of another kind are missing and told, columns of another kind are said so', async () => {
    const mixed = rowsOf(100).map((row, index) => ({
      ...row,
      age: index === 5 ? 'old' : row.age,
      count: `about ${row.count}`,
    }));
    const report = await detect(mixed, features);
    expect(report.type_changed).toEqual([{ feature: 'count', reference: 'numeric', current: 'categorical' }]);
    expect(report.warnings).toEqual(
      [
        '"age" has 1 value that is no number (Row 5, feature "age": "old"): counted as missing.',
        expect.stringContaining('the column is taken as text'),
        expect.stringContaining('Predictions'),
      ].slice(0, 2),
    );
    expect(report.drifted_features).toEqual(['count']);
    expect(resultOf(report, 'count')).toMatchObject({ cause: 'type', severity: 'high' });
    expect(resultOf(report, 'age')).toMatchObject({ is_drift: false, current_missing: 0.01 });
  });

  it.each(['ks_test', 'psi', 'kl_divergence', 'js_distance', 'wasserstein', 'chi_square', 'multivariate'])(
    'by %s too',
    async (method) => {
      for (const rows of [
        [],
        rowsOf(1),
        rowsOf(40, () => ({ age: null })),
        rowsOf(40, () => ({ age: 1, city: 'Bern' })),
      ]) {
        const report = await detect(rows, { method });
        expect(report.results.length).toBe(method === 'multivariate' ? 0 : report.results_total);
      }
    },
  );

  it('a reference without a column, of one row, constant or all missing', async () => {
    const references: [object[], object][] = [
      [rowsOf(100).map(({ city: _, ...row }) => row), { new_columns: ['city'], is_drift: false }],
      [rowsOf(1), { is_drift: false, drifted_features: [] }],
      [rowsOf(100, () => ({ age: 5, count: 1, flag: false, city: 'Bern' })), { is_drift: true }],
      [rowsOf(100, () => ({ age: null })), { is_drift: true, missing_shift: ['age'] }],
    ];
    for (const [data, expected] of references) {
      await setReference({ data });
      expect(await detect(rowsOf(100), features)).toMatchObject(expected);
      await detect(rowsOf(100), { ...features, segment_by: 'flag' });
      await detect(rowsOf(100), { ...features, chart: true });
    }
  });
});

describe('a reference of the call', () => {
  it('is compared with and not kept; two are refused', async () => {
    const stored = await setReference({ data: rowsOf(100) });
    const moved = rowsOf(200, ({ age }) => ({ age: (age ?? 0) + 10 }));
    const once = await detect(moved, { reference_data: moved });
    expect(once).toMatchObject({ is_drift: false, drifted_predictions: [] });
    expect(once.reference).toEqual({ source: '200 records of the call', rows: 200 });
    const later = await detect(moved);
    expect(later).toMatchObject({ is_drift: true, reference: { reference_id: stored.reference_id } });
    const both = { reference_data: moved, reference_id: stored.reference_id };
    expect(
      await server.fail('detect_drift', { model_id: 'mixed', current_data: moved, ...both }),
    ).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a model whose rows change one another’s answers', () => {
  it('has its reference scored row by row, so that calls of one row do not drift from it', async () => {
    const rows = Array.from({ length: 60 }, () =>
      Object.fromEntries(['f0', 'f1', 'f2', 'f3'].map((name) => [name, random()])),
    );
    const model = { model_id: 'centred' };
    await server.call('deploy_model', { ...model, version: '1', source: testModel('rows/mean_centred') });
    const { warnings } = await server.call('set_reference_data', { ...model, data: rows });
    expect(warnings.join(' ')).toMatch(/\(ReduceMean\): 60 were scored, each alone/);
    for (const row of rows) await server.call('predict', { ...model, inputs: [row] });
    const report = await server.call('detect_drift', model);
    expect(report).toMatchObject({ is_drift: false, drifted_predictions: [] });
  });
});
