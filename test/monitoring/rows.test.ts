import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/monitoring/drift/index.ts';
import { readGivenRows, recordsOf } from '../../src/monitoring/rows.ts';
import type { DatatypeName } from '../../src/registry/datatypes.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { temporaryDirectory } from '../temporary.ts';

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
    warnings: [],
  };
}

const record = versionWith({ age: 'FP32', member: 'BOOL', city: 'BYTES' });
const described = (columns: Column[]) => columns.map(({ name, kind, values }) => [name, kind, [...values]]);
const expected = [
  ['age', 'numeric', [31, Number.NaN]],
  ['member', 'boolean', ['true', 'false']],
  ['city', 'categorical', ['Bern', null]],
];

function csv(content: string): { kind: 'path'; path: string } {
  const path = join(directory, 'rows.csv');
  writeFileSync(path, content);
  return { kind: 'path', path };
}

test('records and a CSV file of the same rows give the same columns', async () => {
  const records = [{ city: 'Bern', age: 31, member: true }, { member: false }];
  const given = await readGivenRows(record, { kind: 'records', records }, []);
  expect([described(given.columns), given.rows, given.warnings]).toEqual([expected, 2, []]);
  const read = await readGivenRows(record, csv('age,member,city\n31,true,Bern\n,0,\n'), [directory]);
  expect([described(read.columns), read.rows, read.warnings]).toEqual([expected, 2, []]);
});

test('columns that are no features, and features without a column, are warned about', async () => {
  const given = await readGivenRows(
    record,
    { kind: 'records', records: [JSON.parse('{"age": 1, "game_id": 7, "__proto__": 2}')] },
    [],
  );
  expect(given.columns.map(({ name }) => name)).toEqual(['age']);
  expect(given.warnings).toEqual([
    'Not features of the model, left out: game_id, __proto__.',
    'Features without a column: member, city.',
  ]);
});

test('a version without named features takes all columns as they look', async () => {
  const rows = csv('a,flag,b\n1,true,x\n2,false,y\n');
  const { columns } = await readGivenRows(versionWith({}), rows, [directory]);
  expect(columns.map(({ name, kind }) => [name, kind])).toEqual([
    ['a', 'numeric'],
    ['flag', 'boolean'],
    ['b', 'categorical'],
  ]);
});

test('rows without any feature are refused', async () => {
  await expect(readGivenRows(record, { kind: 'records', records: [{ other: 1 }] }, [])).rejects.toMatchObject(
    { code: 'INVALID_INPUT', hint: 'Expected features: age, member, city.' },
  );
});

test('a file outside the allowed directories is refused', async () => {
  await expect(readGivenRows(record, csv('age\n1\n'), [])).rejects.toMatchObject({
    code: 'PATH_NOT_ALLOWED',
  });
});

describe('as records for the model', () => {
  test('columns give their rows back, without those that miss a value', () => {
    const columns: Column[] = [
      { name: '__proto__', kind: 'numeric', values: Float64Array.of(1, Number.NaN, 3) },
      { name: 'flag', kind: 'boolean', values: ['true', 'true', null] },
      { name: 'city', kind: 'categorical', values: ['a', 'b', 'c'] },
    ];
    const [first, ...rest] = recordsOf(columns, 3);
    expect(Object.entries(first ?? {})).toEqual([
      ['__proto__', 1],
      ['flag', true],
      ['city', 'a'],
    ]);
    expect(rest).toEqual([undefined, undefined]);
  });
});
