import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DatatypeName, datatypes } from '../../../src/registry/datatypes.ts';
import {
  batchRows,
  fitTogether,
  hasFreeBatch,
  joinRows,
  sameRows,
  splitRows,
} from '../../../src/serving/engine/batching.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { datatype, elementCount, type Tensor } from '../../../src/tensors/datatypes.ts';

/** A tensor of any bits: NaN with a payload, infinities and the largest integers too. */
function tensorOf(name: DatatypeName, shape: number[]): fc.Arbitrary<Tensor> {
  const type = datatype(name);
  const length = elementCount(shape);
  if (type.kind === 'string')
    return fc
      .array(fc.string({ unit: 'grapheme' }), { minLength: length, maxLength: length })
      .map((data) => ({ datatype: name, shape, data }));
  const bytes = length * type.bytes;
  return fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((bits) => ({ datatype: name, shape, data: type.view(Uint8Array.from(bits).buffer) }));
}

interface Column {
  name: DatatypeName;
  rest: number[];
}

/** Several calls of one model: the same columns, any number of rows each, none too. */
function callsOf(columns: readonly Column[], rows: readonly number[]): fc.Arbitrary<NamedTensors[]> {
  return fc.tuple(
    ...rows.map((count) =>
      fc
        .tuple(...columns.map(({ name, rest }) => tensorOf(name, [count, ...rest])))
        .map((tensors): NamedTensors => new Map(tensors.map((tensor, index) => [`column ${index}`, tensor]))),
    ),
  );
}

const columnOf = (names: readonly DatatypeName[]): fc.Arbitrary<Column> =>
  fc.record({ name: fc.constantFrom(...names), rest: fc.array(fc.nat(3), { maxLength: 2 }) });
const manyRows = fc.array(fc.nat(4), { minLength: 1, maxLength: 6 });

/** Bit by bit, so that NaN equals NaN and -0 is not 0. */
const bitsOf = (calls: readonly NamedTensors[]) =>
  calls.map((call) =>
    [...call].map(([name, { datatype: type, shape, data }]) => [
      name,
      type,
      shape,
      Array.isArray(data) ? data : [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
    ]),
  );

describe('rows that were joined are split as they were', () => {
  test.each(datatypes)('%s', (name) => {
    fc.assert(
      fc.property(
        fc
          .tuple(columnOf([name]), manyRows)
          .chain(([column, rows]) => fc.tuple(fc.constant(rows), callsOf([column], rows))),
        ([rows, calls]) => {
          expect(bitsOf(splitRows(joinRows(calls), rows) ?? [])).toEqual(bitsOf(calls));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('columns of different datatypes together', () => {
    fc.assert(
      fc.property(
        fc
          .tuple(fc.array(columnOf(datatypes), { minLength: 1, maxLength: 4 }), manyRows)
          .chain(([columns, rows]) => fc.tuple(fc.constant(rows), callsOf(columns, rows))),
        ([rows, calls]) => {
          const joined = joinRows(calls);
          const total = rows.reduce((sum, count) => sum + count, 0);
          for (const { shape, data } of joined.values()) {
            expect(shape[0]).toBe(total);
            expect(data).toHaveLength(elementCount(shape));
          }
          expect(bitsOf(splitRows(joined, rows) ?? [])).toEqual(bitsOf(calls));
        },
      ),
    );
  });

  test('views into a larger buffer, as the host gives them', () => {
    const buffer = Float32Array.of(9, 1, 2, 9).buffer;
    const call = (value: Float32Array): NamedTensors =>
      new Map([['x', { datatype: 'FP32', shape: [value.length, 1], data: value }]]);
    const joined = joinRows([call(new Float32Array(buffer, 4, 2)), call(Float32Array.of(3))]);
    expect([...(joined.get('x')?.data ?? [])]).toEqual([1, 2, 3]);
    // What is split off keeps its values when the run's memory is used again.
    const [first] = splitRows(joined, [2, 1]) ?? [];
    const data = joined.get('x')?.data;
    if (data instanceof Float32Array) data.fill(0);
    expect([...(first?.get('x')?.data ?? [])]).toEqual([1, 2]);
  });
});

const tensor = (shape: number[]): Tensor => ({
  datatype: 'FP32',
  shape,
  data: new Float32Array(elementCount(shape)),
});
const named = (...shapes: number[][]): NamedTensors =>
  new Map(shapes.map((shape, index) => [`t${index}`, tensor(shape)]));

test('outputs that do not have one row per input row are not split', () => {
  expect(splitRows(named([3, 2]), [1, 1])).toBeUndefined();
  expect(splitRows(named([2, 2], [1]), [1, 1])).toBeUndefined();
  expect(splitRows(named([]), [1, 1])).toBeUndefined();
  expect(splitRows(named([2, 2], [2]), [1, 1])).toHaveLength(2);
});

test('the rows of a call are the first dimension that all its tensors share', () => {
  expect(batchRows(named([3, 2], [3]))).toBe(3);
  expect(batchRows(named([0, 2]))).toBe(0);
  expect(batchRows(named([3, 2], [2]))).toBeUndefined();
  expect(batchRows(named([3], []))).toBeUndefined();
  expect(batchRows(new Map())).toBeUndefined();
});

test('calls fit together when only their rows differ', () => {
  expect(fitTogether(named([3, 2], [3]), named([1, 2], [1]))).toBe(true);
  expect(fitTogether(named([3, 2]), named([3, 1]))).toBe(false);
  expect(fitTogether(named([3, 2]), named([3, 2, 1]))).toBe(false);
  expect(fitTogether(named([3, 2]), named([3, 2], [3]))).toBe(false);
  expect(fitTogether(named([3, 2], [3]), named([3, 2]))).toBe(false);
  expect(fitTogether(new Map([['a', tensor([1])]]), new Map([['b', tensor([1])]]))).toBe(false);
});

test('a batch is free only when the first dimension of every input and output is', () => {
  const spec = (...shape: number[]) => ({ name: 'x', datatype: 'FP32' as const, shape });
  expect(hasFreeBatch([spec(-1, 2), spec(-1)], [spec(-1)])).toBe(true);
  expect(hasFreeBatch([spec(-1, 2), spec(4, 2)], [spec(-1)])).toBe(false);
  expect(hasFreeBatch([spec(-1, 2)], [spec()])).toBe(false);
  expect(hasFreeBatch([spec(-1, 2)], [spec(2, -1)])).toBe(false);
});

test('results are the same within the noise of another order of operations, and not beyond', () => {
  const floats = (...values: number[]): NamedTensors =>
    new Map([['y', { datatype: 'FP64', shape: [values.length], data: Float64Array.from(values) }]]);
  const texts = (...data: string[]): NamedTensors =>
    new Map([['y', { datatype: 'BYTES', shape: [data.length], data }]]);
  const integers = (...values: bigint[]): NamedTensors =>
    new Map([['y', { datatype: 'INT64', shape: [values.length], data: BigInt64Array.from(values) }]]);
  expect(sameRows(floats(1, Number.NaN, 0), floats(1.000009, Number.NaN, 0), floats(1))).toBe(true);
  expect(sameRows(floats(1), floats(1.001), floats(200))).toBe(true);
  expect(sameRows(floats(1), floats(1.00002), floats(1))).toBe(false);
  expect(sameRows(floats(1), floats(1.001), floats(1))).toBe(false);
  expect(sameRows(floats(1), floats(Number.NaN), floats(1))).toBe(false);
  expect(sameRows(floats(1), floats(1, 1), floats(1))).toBe(false);
  expect(sameRows(texts('a'), texts('a'), texts('a'))).toBe(true);
  expect(sameRows(texts('a'), texts('b'), texts('a'))).toBe(false);
  expect(sameRows(integers(2n ** 60n), integers(2n ** 60n + 1n), integers(2n ** 60n))).toBe(false);
});
