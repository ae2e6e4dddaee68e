import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { type RowSource, readSource } from '../../src/monitoring/read_source.ts';
import type { DatatypeName } from '../../src/registry/datatypes.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { temporaryDirectory } from '../temporary.ts';
import { described } from './window_columns.ts';

const directory = temporaryDirectory();

/** A version with the given features. */
function versionWith(features: Record<string, DatatypeName>): VersionRecord {
  return {
    modelId: 'm',
    version: '1',
    stage: 'development',
    createdAt: 0,
    createdBy: 'operator',
    source: 'source',
    artifact: { sha256: '', bytes: 1 },
    signature: {
      inputs: [],
      outputs: [],
      features: Object.entries(features).map(([name, datatype], column) => ({
        name,
        datatype,
        input: 'x',
        column,
      })),
    },
    classLabels: undefined,
    framework: null,
    algorithm: null,
    hyperparameters: null,
    description: null,
    author: null,
    producer: null,
    opsets: null,
    updatedAt: null,
    updatedBy: null,
    number: 1,
    warnings: [],
  };
}

const record = versionWith({ age: 'FP32', member: 'BOOL', city: 'BYTES' });
const expected = [
  ['age', 'numeric', [31, Number.NaN]],
  ['member', 'boolean', ['true', 'false']],
  ['city', 'categorical', ['Bern', null]],
];

function file(name: string, content: string | Buffer): RowSource {
  const path = join(directory, name);
  writeFileSync(path, content);
  return { kind: 'path', path };
}
const csv = (content: string) => file('rows.csv', content);
const records = (given: Record<string, unknown>[]): RowSource => ({ kind: 'records', records: given });

const dependencies = {
  allowedRoots: [directory],
  flushLog: () => Promise.reject(new Error('No log is read here.')),
  readWindow: () => Promise.reject(new Error('No log is read here.')),
};
const read = (version: VersionRecord, source: RowSource) =>
  readSource(dependencies, version, source, { strict: true });

/** So often the two rows: more than is read in place. */
const many = 20_000;

test('records, CSV, Parquet and JSON Lines of the same rows give the same columns', async () => {
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'age', data: [31, null], type: 'DOUBLE' },
      { name: 'member', data: [true, false], type: 'BOOLEAN' },
      { name: 'city', data: ['Bern', null], type: 'STRING' },
    ],
  });
  for (const source of [
    records([{ city: 'Bern', age: 31, member: true }, { member: false }]),
    csv('age,member,city\n31,true,Bern\n,0,\n'),
    file('rows.parquet', Buffer.from(parquet)),
    file('rows.jsonl', '{"age":31,"member":true,"city":"Bern"}\n{"member":false}\n'),
  ]) {
    const given = await read(record, source);
    expect([described(given.features), given.rows, given.warnings]).toEqual([expected, 2, []]);
  }
});

test('a large file is read in a thread and gives the same columns', async () => {
  const line = '31,true,Bern\n,0,\n';
  const given = await read(record, csv(`age,member,city\n${line.repeat(many)}`));
  expect(given.rows).toBe(2 * many);
  const columns = described(given.features);
  expect(
    columns.map(([name, kind, values]) => [name, kind, Array.isArray(values) ? values.slice(-2) : values]),
  ).toEqual(expected);
});

test('what is wrong with a large file is said as of a small one', async () => {
  await expect(read(record, csv(`age\n${'31\n'.repeat(100_000)}old\n`))).rejects.toMatchObject({
    name: 'ModelYardError',
    code: 'INVALID_INPUT',
    message: expect.stringMatching(/line 100002, column "age": expected a number, got "old"/),
    hint: expect.stringContaining('Correct the cell'),
  });
});

test('a Parquet column of dates is refused, one of another format told as such', async () => {
  const dates = parquetWriteBuffer({ columnData: [{ name: 'age', data: [new Date(0)], type: 'TIMESTAMP' }] });
  await expect(read(record, file('dates.parquet', Buffer.from(dates)))).rejects.toMatchObject({
    code: 'SIGNATURE_MISMATCH',
    message: expect.stringContaining('INT64 TIMESTAMP'),
  });
  await expect(read(record, file('no.parquet', 'age\n1\n'))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(read(record, file('no.jsonl', '{"age":1}\n[2]\n'))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('line 2'),
  });
});

test('columns that are no features, and features without a column, are warned about', async () => {
  const given = await read(record, records([JSON.parse('{"age": 1, "game_id": 7, "__proto__": 2}')]));
  expect(given.features.map(({ name }) => name)).toEqual(['age']);
  expect(given.warnings).toEqual([
    'Not features of the model, left out: game_id, __proto__.',
    'Features without a column: member, city.',
  ]);
});

test('a version without named features takes all columns as they look', async () => {
  const { features } = await read(versionWith({}), csv('a,flag,b\n1,true,x\n2,false,y\n'));
  expect(features.map(({ name, kind }) => [name, kind])).toEqual([
    ['a', 'numeric'],
    ['flag', 'boolean'],
    ['b', 'categorical'],
  ]);
});

test('rows without any feature are refused', async () => {
  await expect(read(record, records([{ other: 1 }]))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    hint: 'Expected features: age, member, city.',
  });
});

test('a file outside the allowed directories is refused', async () => {
  const source = csv('age\n1\n');
  await expect(
    readSource({ ...dependencies, allowedRoots: [] }, record, source, { strict: true }),
  ).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
});

test('a call that is cancelled reads no further', async () => {
  const source = csv(`age\n${'31\n'.repeat(100_000)}`);
  const signal = AbortSignal.abort();
  await expect(readSource(dependencies, record, source, { strict: true, signal })).rejects.toMatchObject({
    code: 'CANCELLED',
  });
});
