import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ModelYardError } from '../../../src/errors.ts';
import { segmentOfBlock } from '../../../src/prediction_log/block_segment.ts';
import { type LogColumn, valueAt } from '../../../src/prediction_log/column.ts';
import { type Segment, segmentsOf } from '../../../src/prediction_log/segment.ts';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import type { VersionRecord } from '../../../src/registry/version_record.ts';
import { readPredictionColumns } from '../../../src/serving/codec/prediction_columns.ts';
import { readPredictions } from '../../../src/serving/codec/predictions.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { answerFile } from '../../../src/serving/file/answer_file.ts';
import type { FileModel } from '../../../src/serving/file/file_model.ts';
import { openCsv } from '../../../src/tables/csv.ts';
import type { Table } from '../../../src/tables/table.ts';
import { versionRecord } from '../../registry/version_record.ts';
import { temporaryDirectory } from '../../temporary.ts';

const folder = temporaryDirectory();
const score = (value: number) => (Number.isNaN(value) ? 0.25 : Math.abs(Math.sin(value)));

/** Outputs of a model of each kind, from its first input. */
const kinds: Record<
  string,
  { outputs: TensorSpec[]; classLabels?: string[]; of: (x: number[]) => NamedTensors }
> = {
  'coded labels and probabilities': {
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [-1], role: 'label', classes: [0, 1], decided_by: 'p' },
      { name: 'p', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
    ],
    classLabels: ['no, never', 'yes'],
    of: (x) =>
      new Map([
        // Some labels are not the most probable class, and some are none of the classes.
        [
          'label',
          {
            datatype: 'INT64',
            shape: [x.length],
            data: BigInt64Array.from(x, (one) => BigInt(Math.round(score(one) * 2.2))),
          },
        ],
        [
          'p',
          {
            datatype: 'FP32',
            shape: [x.length, 2],
            data: Float32Array.from(x.flatMap((one) => [1 - score(one), score(one)])),
          },
        ],
      ]),
  },
  'text labels and numbers that are not always probabilities': {
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1, 1], role: 'label' },
      { name: 'p', datatype: 'FP64', shape: [-1, 2], role: 'probabilities' },
    ],
    of: (x) =>
      new Map([
        [
          'label',
          { datatype: 'BYTES', shape: [x.length, 1], data: x.map((one) => (one > 2 ? 'a "é"' : 'b')) },
        ],
        [
          'p',
          {
            datatype: 'FP64',
            shape: [x.length, 2],
            data: Float64Array.from(x.flatMap((one) => [one > 90 ? 7 : 0.5, 0.5])),
          },
        ],
      ]),
  },
  'probabilities alone': {
    outputs: [{ name: 'p', datatype: 'FP32', shape: [-1, 3], role: 'probabilities' }],
    classLabels: ['a', 'b', 'c'],
    of: (x) =>
      new Map([
        [
          'p',
          {
            datatype: 'FP32',
            shape: [x.length, 3],
            data: Float32Array.from(
              x.flatMap((one) => [score(one) / 2, score(one) / 2, one > 90 ? Number.NaN : 1 - score(one)]),
            ),
          },
        ],
      ]),
  },
  'the probability of the second class': {
    outputs: [{ name: 'p', datatype: 'FP32', shape: [-1, 1], role: 'probabilities' }],
    classLabels: ['a', 'b'],
    of: (x) =>
      new Map([['p', { datatype: 'FP32', shape: [x.length, 1], data: Float32Array.from(x, score) }]]),
  },
  numbers: {
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    of: (x) =>
      new Map([
        [
          'y',
          {
            datatype: 'FP32',
            shape: [x.length, 1],
            data: Float32Array.from(x, (one) => (one > 90 ? Number.POSITIVE_INFINITY : one / 3)),
          },
        ],
      ]),
  },
  'whole numbers': {
    outputs: [{ name: 'y', datatype: 'INT32', shape: [-1] }],
    of: (x) =>
      new Map([['y', { datatype: 'INT32', shape: [x.length], data: Int32Array.from(x, (one) => one * 3) }]]),
  },
  arrays: {
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    of: (x) =>
      new Map([
        [
          'y',
          { datatype: 'FP32', shape: [x.length, 2], data: Float32Array.from(x.flatMap((one) => [one, 1])) },
        ],
      ]),
  },
};

function fileModel(kind: string): FileModel {
  const { outputs = [], classLabels, of } = kinds[kind] ?? {};
  const record: VersionRecord = versionRecord({
    signature: {
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1, 2] },
        { name: 't', datatype: 'BYTES', shape: [-1] },
      ],
      outputs,
      features: [
        { name: 'x', datatype: 'FP32', input: 'x', column: 0, nullable: true },
        { name: 'n', datatype: 'FP32', input: 'x', column: 1 },
        { name: 't', datatype: 'BYTES', input: 't', column: 0, missing_category: 'none' },
      ],
    },
    classLabels,
  });
  return {
    record,
    route: 'active',
    rows: { independent: true, outputsByRow: true },
    async run(tensors, rows) {
      const data = tensors.get('x')?.data ?? [];
      const x = Array.from({ length: rows }, (_, row) => Number(data[2 * row]));
      if (x.includes(13)) throw new ModelYardError('INFERENCE_FAILED', 'Thirteen.', 'Take another.');
      return of?.(x) ?? new Map();
    },
    readRows: (computed, rows) => readPredictions(outputs, computed, classLabels, rows),
    readColumns: (computed, rows) => readPredictionColumns(outputs, computed, classLabels, rows),
  };
}

/** A table whose chunks have rows only. */
function byRows<Carried>(table: Table<Carried>): Table<Carried> {
  return {
    ...table,
    async *chunks(mapping) {
      for await (const { rows, carried, position } of table.chunks(mapping))
        yield { rows, carried, position };
    },
  };
}

async function answered(kind: string, text: string, as: <Carried>(table: Table<Carried>) => Table<Carried>) {
  const input = join(folder, 'input.csv');
  writeFileSync(input, text);
  const path = join(folder, `${as.name}.csv`);
  const output = await open(path, 'w');
  const logged: Segment[] = [];
  const ids: string[] = [];
  let columns = 0;
  try {
    const model = fileModel(kind);
    const { readColumns } = model;
    const counts = await answerFile({
      table: as(await openCsv(input, input, statSync(input).size)),
      mapping: { features: model.record.signature.features, entityColumn: 'who', outcomeColumn: 'real' },
      model: {
        ...model,
        readColumns(computed, rows) {
          const found = readColumns(computed, rows);
          if (found !== undefined) columns += rows;
          return found;
        },
      },
      sink: {
        async append(entry) {
          // As they are journaled.
          logged.push(...segmentsOf([JSON.parse(JSON.stringify(entry))]));
          if (entry.error === null) ids.push(...entry.predictionIds);
        },
        blocks: () => ({
          async add(block) {
            const segment = segmentOfBlock(block);
            logged.push(segment);
            ids.push(...valuesOf(segment.answers.get('id'), segment.rows).map(String));
          },
          finish: async () => undefined,
        }),
      },
      callerIds: undefined,
      output,
      clock: () => 0,
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    return { counts, ids, written: readFileSync(path, 'utf8'), logged: logged.map(shown), columns };
  } finally {
    await output.close();
  }
}

const valuesOf = (column: LogColumn | undefined, rows: number) =>
  Array.from({ length: rows }, (_, row) => column && valueAt(column, row));

/** All that a segment says, but for what is new each time. */
function shown({ rows, answers, features, outcomes, ...rest }: Segment) {
  const columnsOf = (columns: Map<string, LogColumn>) =>
    Array.from(columns, ([name, column]) => [name, valuesOf(column, rows)]).filter(
      ([name]) => !['id', 'latency_ms', 'call'].includes(String(name)),
    );
  return {
    ...rest,
    answers: columnsOf(answers),
    columns: [...answers.keys()],
    features: columnsOf(features),
    outcomes: outcomes && valuesOf(outcomes, rows),
  };
}
const asTheyAre = <Carried>(table: Table<Carried>) => table;

const cell = fc.oneof(
  { weight: 30, arbitrary: fc.double({ min: -80, max: 80, noNaN: true }).map(String) },
  { weight: 30, arbitrary: fc.integer({ min: -9, max: 12 }).map(String) },
  { weight: 2, arbitrary: fc.constantFrom('NA', '', ' 5 ', '"4"', '-0', '1e3') },
  fc.constantFrom('13', '95', 'Infinity', 'x', '1e99'),
);
const number = fc.oneof(
  { weight: 60, arbitrary: fc.integer().map(String) },
  fc.constantFrom('', '1.5', '"7"'),
);
const text = fc.constantFrom('', 'a', '"b, c"', '"needless"', 'é');
const row = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.tuple(cell, number, text, text, fc.constantFrom('yes', 'NA', '', '1', 'b', '7.5')),
  },
  fc.constant(['1', '2']),
);
const file = fc
  .record({ rows: fc.array(row, { minLength: 1, maxLength: 40 }), times: fc.constantFrom(1, 1, 1, 30) })
  .map(({ rows, times }) => {
    const lines = Array.from({ length: times }, () => rows).flat();
    return ['x,n,t,who,real', ...lines.map((cells) => cells.join(','))].join('\n');
  });

describe('a file answered by columns', () => {
  test.each(Object.keys(kinds))('of %s is what it is by rows', async (kind) => {
    await fc.assert(
      fc.asyncProperty(file, async (given) => {
        const columns = await answered(kind, given, asTheyAre);
        const rows = await answered(kind, given, byRows);
        const withoutIds = ({ written, ids }: typeof rows) =>
          ids.reduce((found, id, index) => found.replace(id, `id ${index}`), written);
        expect(withoutIds(columns)).toBe(withoutIds(rows));
        expect(columns.counts).toEqual(rows.counts);
        expect(columns.logged).toEqual(rows.logged);
      }),
      { numRuns: 25 },
    );
  });

  test.each(Object.keys(kinds))('is answered so where all is as it should be: %s', async (kind) => {
    const lines = Array.from({ length: 1100 }, (_, at) => `${at % 12},${at},a,"b, c",yes`);
    const given = ['x,n,t,who,real', ...lines].join('\n');
    const found = await answered(kind, given, asTheyAre);
    expect(found.columns).toBe(kind === 'arrays' ? 0 : 1100);
    expect(found.counts.rows).toBe(1100);
  });
});
