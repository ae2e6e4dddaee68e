import { datatype, type Tensor, type TensorData } from '../../tensors/datatypes.ts';
import { toFloat16Bits } from '../../tensors/float16.ts';
import { joinRows, sameRows, splitRows } from './batching.ts';
import type { NamedTensors } from './protocol.ts';

/** Magnitudes of the numbers in the rows that are tried. */
const scales = [1, 30, 0.01];

/**
 * Whether random rows of several magnitudes get the same answers alone and together, in two orders: confirms on the
 * runtime what the graph has proven. Rows that the model cannot run on are no evidence, nor is a model that takes
 * none.
 * @param row one row that the model has run on, and `onRow`, what it answered
 * @param attempt runs the model; undefined: it could not
 */
export async function rowsAreApart(
  row: NamedTensors,
  onRow: NamedTensors,
  attempt: (tensors: NamedTensors) => Promise<NamedTensors | undefined>,
): Promise<boolean> {
  const random = randomNumbers();
  const tried = [{ row, answer: onRow }];
  for (const scale of scales) {
    const other = randomRow(row, scale, random);
    const answer = await attempt(other);
    if (answer !== undefined) tried.push({ row: other, answer });
  }
  if (tried.length === 1) return true;
  for (const order of [tried, tried.toReversed()]) {
    const together = await attempt(joinRows(order.map((one) => one.row)));
    if (together === undefined) return false;
    const ones = order.map(() => 1);
    const parts = splitRows(together, ones) ?? [];
    const isSame = order.every(({ answer }, at) => {
      const part = parts[at];
      return part !== undefined && sameRows(answer, part, together);
    });
    if (!isSame) return false;
  }
  return true;
}

/**
 * The same for a model that takes `rows` rows in each run: in the other order, and with all other rows changed.
 * @param row one row; the model has run on copies of it
 */
export async function fixedRowsAreApart(
  row: NamedTensors,
  rows: number,
  attempt: (tensors: NamedTensors) => Promise<NamedTensors | undefined>,
): Promise<boolean> {
  const random = randomNumbers();
  const various = Array.from({ length: rows }, (_, at) =>
    randomRow(row, scales[at % scales.length] ?? 1, random),
  );
  const ones = various.map(() => 1);
  const run = async (given: readonly NamedTensors[]) => {
    const answer = await attempt(joinRows(given));
    return answer && { answer, parts: splitRows(answer, ones) };
  };
  const first = await run(various);
  const backwards = await run(various.toReversed());
  const alone = await run(various.map(() => various[0] ?? row));
  if (first === undefined || backwards === undefined || alone === undefined) return true;
  const same = (a: NamedTensors | undefined, b: NamedTensors | undefined) =>
    a !== undefined && b !== undefined && sameRows(a, b, first.answer);
  return (
    ones.every((_, at) => same(first.parts?.[at], backwards.parts?.[rows - 1 - at])) &&
    same(first.parts?.[0], alone.parts?.[0])
  );
}

/** A row of the same shape: floats of the scale, small whole numbers, texts among which those of the row are. */
function randomRow(row: NamedTensors, scale: number, random: () => number): NamedTensors {
  return new Map(
    [...row].map(([name, tensor]) => [name, { ...tensor, data: randomData(tensor, scale, random) }]),
  );
}

function randomData({ datatype: name, data }: Tensor, scale: number, random: () => number): TensorData {
  const type = datatype(name);
  const float = () => (random() * 2 - 1) * scale;
  if (type.kind === 'string')
    return Array.from({ length: data.length }, (_, at) =>
      random() < 0.5 ? String(data[at]) : random() < 0.5 ? '1' : 'a b',
    );
  if (type.kind === 'bigint') return type.create(data.length).map(() => BigInt(Math.floor(random() * 3)));
  if (type.kind === 'half') return type.create(data.length).map(() => toFloat16Bits(float()));
  if (type.kind === 'boolean') return type.create(data.length).map(() => (random() < 0.5 ? 1 : 0));
  return type.create(data.length).map(() => (type.kind === 'float' ? float() : Math.floor(random() * 3)));
}

/** The same numbers each time, evenly from 0 to 1: a version is judged alike in every process. */
function randomNumbers(): () => number {
  let state = 20_260_101;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
