import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { type RowSource, readSource } from '../../../src/monitoring/rows/read_source.ts';
import type { DatatypeName } from '../../../src/registry/datatypes.ts';
import type { VersionRecord } from '../../../src/registry/version_record.ts';
import { versionRecord } from '../../registry/version_record.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { described } from '../window_columns.ts';

const directory = temporaryDirectory();

/** A version with the given features. */
const versionWith = (features: Record<string, DatatypeName>): VersionRecord =>
  versionRecord({
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
  });

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
    file('rows.parquet', Buffer.from(parquet)),
    file('rows.jsonl', '{"age":31,"member":true,"city":"Bern"}\n{"member":false}\n'),
  ]) {
    const given = await read(record, source);
    expect([described(given.features), given.rows, given.warnings]).toEqual([expected, 2, []]);
  }
});

test('numbers are those that the model sees, however they were written', async () => {
  const version = versionWith({ single: 'FP32', half: 'FP16', double: 'FP64' });
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'single', data: [Math.fround(0.1)], type: 'FLOAT' },
      { name: 'half', data: [0.1], type: 'DOUBLE' },
      { name: 'double', data: [0.1], type: 'DOUBLE' },
    ],
  });
  for (const source of [
    records([{ single: 0.1, half: 0.1, double: 0.1 }]),
    records([{ single: 0.10000000149011612, half: 0.0999755859375, double: 0.1 }]),
    csv('single,half,double\n0.1,0.1,0.1\n'),
    file('numbers.parquet', Buffer.from(parquet)),
  ])
    expect(described((await read(version, source)).features)).toEqual([
      ['single', 'numeric', [0.10000000149011612]],
      ['half', 'numeric', [0.0999755859375]],
      ['double', 'numeric', [0.1]],
    ]);
});

test('a text cell is the text that predict_file gives the model: spaces, NA and empty text are texts', async () => {
  const given = await read(record, csv('age,member,city\n 31 ,true, Bern\nNA,0,NA\nnone,1,\n'));
  expect(described(given.features)).toEqual([
    ['age', 'numeric', [31, Number.NaN, Number.NaN]],
    ['member', 'boolean', ['true', 'false', 'true']],
    ['city', 'categorical', [' Bern', 'NA', '']],
  ]);
});

test('a cell of another kind is refused with its line, blank lines counted', async () => {
  await expect(read(record, csv('age,member\n31,true\n\n32,yes\n'))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringMatching(/line 4, column "member": expected true or false, got "yes"/),
  });
});

test('a column that cannot be read is no trouble where it is no feature, and named where it is', async () => {
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'age', data: [31] },
      { name: 'seen', data: [[1, 2]] },
    ],
    schema: [
      { name: 'root', num_children: 2 },
      { name: 'age', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      { name: 'seen', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', type: 'INT32' },
    ],
  });
  const source = file('nested.parquet', Buffer.from(parquet));
  const given = await read(versionWith({ age: 'FP32' }), source);
  expect([described(given.features), given.warnings]).toEqual([
    [['age', 'numeric', [31]]],
    ['Not features of the model, left out: seen.'],
  ]);
  await expect(read(versionWith({ age: 'FP32', seen: 'FP32' }), source)).rejects.toMatchObject({
    code: 'SIGNATURE_MISMATCH',
    message: expect.stringContaining('the column "seen" is nested LIST'),
  });
});

test('a large file is read in a thread and gives the same columns', async () => {
  const line = '31,true,Bern\n,0,\n';
  const given = await read(record, csv(`age,member,city\n${line.repeat(many)}`));
  expect(given.rows).toBe(2 * many);
  const columns = described(given.features);
  expect(
    columns.map(([name, kind, values]) => [name, kind, Array.isArray(values) ? values.slice(-2) : values]),
  ).toEqual([...expected.slice(0, 2), ['city', 'categorical', ['Bern', '']]]);
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
    hint: "Name the columns as the model's features: age, member, city.",
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
