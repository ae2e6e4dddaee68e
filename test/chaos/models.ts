import type { Random } from './random.ts';

type Row = Record<string, number | string | boolean>;

/** A model under load, and what it must answer, worked out without it. */
export interface ChaosModel {
  modelId: string;
  /** Test model of each version; the first one is active at the beginning. */
  versions: Record<string, string>;
  draw(random: Random): Row;
  /** The value of a row; of the version named, where they differ. */
  answer(row: Row, version: string): unknown;
}

/** Small halves and quarters: float32 adds and multiplies them without rounding. */
const exact = (random: Random) => random.integer(-4000, 4000) / 4;

const drawThree = (random: Random) => ({ f0: exact(random), f1: exact(random), f2: exact(random) });
const linear = (row: Row, [w0, w1, w2, bias]: readonly [number, number, number, number]) =>
  w0 * Number(row.f0) + w1 * Number(row.f1) + w2 * Number(row.f2) + bias;
const first = [0.5, -1.25, 2, 0.75] as const;
const second = [1.5, 0.25, -0.5, -2] as const;

/** A run that ends only at its time limit: over an hour of matrix products. */
const forEver = 1e9;
const smallest = -(2 ** 31);

export const chaosModels: readonly [ChaosModel, ...ChaosModel[]] = [
  {
    modelId: 'steady',
    versions: { '1': 'linear_float32' },
    draw: drawThree,
    answer: (row) => linear(row, first),
  },
  {
    modelId: 'switched',
    versions: { '1': 'linear_float32', '2': 'linear_float32_b' },
    draw: drawThree,
    answer: (row, version) => linear(row, version === '1' ? first : second),
  },
  {
    modelId: 'crashing',
    versions: { '1': 'crash_run' },
    draw: (random) =>
      random.chance(0.03)
        ? { x: smallest, d: -1 }
        : { x: random.integer(-1e6, 1e6), d: random.integer(1, 100) },
    // Towards zero, in 32 bits; where the processor does not trap, the smallest number divided by −1 is itself.
    answer: ({ x, d }) => (Number(x) / Number(d)) | 0,
  },
  {
    modelId: 'hanging',
    versions: { '1': 'slow_run' },
    draw: (random) => ({ x: random.chance(0.01) ? forEver : random.integer(0, 200) }),
    answer: ({ x }) => x,
  },
  {
    modelId: 'texts',
    versions: { '1': 'identity_string' },
    draw: (random) => ({
      value: `${random.next().toString(36)} Zürich 東京 🏀`.repeat(random.integer(0, 3)),
    }),
    answer: ({ value }) => value,
  },
  {
    modelId: 'mixed',
    versions: { '1': 'mixed_columns' },
    draw: (random) => ({
      age: exact(random),
      count: random.integer(-1000, 1000),
      flag: random.chance(0.5),
      city: `city ${random.integer(0, 1e9)}`,
    }),
    answer: ({ age, count, flag, city }) => [Number(age) + Number(count) + (flag ? 10 : 0), city],
  },
];
