import { sequenceFactor } from '../../statistics/confidence_sequence.ts';
import { confidenceLevel } from '../../statistics/interval.ts';
import { type SampleRatio, sampleRatio } from '../../statistics/sample_ratio.ts';
import { studentFromNormal } from '../../statistics/student.ts';
import type { UnitEstimate } from '../../statistics/unit_estimate.ts';

type Verdict = 'a_better' | 'b_better' | 'no_difference_yet' | 'not_enough_data';

/** B against A, as it goes to the wire. */
export interface Comparison {
  /**
   * null where none is given: calls were not split as configured, so that nothing about the arms can be believed, or
   * the metric names no winner.
   */
  verdict: Verdict | null;
  /** Means or shares; null for an arm without rows. */
  a: number | null;
  b: number | null;
  /** b − a. */
  difference: number | null;
  /** Holds the true difference at all times at once; may be looked at as often as one likes. */
  interval: { low: number; high: number; method: 'confidence_sequence' } | null;
  sample_ratio: SampleRatio | null;
  /** The verdict's reason, a sentence or two. */
  detail: string;
}

export interface ComparisonOptions {
  /** Default true; false for errors and losses. */
  higherIsBetter?: boolean | undefined;
  /** Units that each arm had, and the weights they were shared out by. */
  split?: { units: readonly [number, number]; weights: readonly [number, number] } | undefined;
  /** What the units are called. Default "units". */
  unitName?: string | undefined;
  /** What the rows are called, and what a unit has of them. Default: rows with an outcome, answered right or wrong. */
  names?: CountedNames | undefined;
  /** In how many experiments without a difference a winner may be named, at any number of looks. Default 0.05. */
  level?: number | undefined;
  /** Variance of the difference, where both arms are of the same rows; else the sum of both. */
  paired?: number | undefined;
  /** Units of both arms at which the interval is to be tightest. Default 200. Not to be chosen by the data. */
  tunedFor?: number | undefined;
}

/** What is counted, in words that follow "40" and "40 entities have". */
export interface CountedNames {
  rows: string;
  hits: string;
  misses: string;
}

const rowsWithOutcome: CountedNames = {
  rows: 'rows with an outcome',
  hits: 'right answers',
  misses: 'wrong ones',
};

/** Few units are usual; of many the interval is only somewhat wider than a tuned one: by 11 % at 5 000, by 25 % at 100 000. */
const defaultTunedFor = 200;
/** The theory is asymptotic: below these, intervals are too narrow. */
const minRows = 100;
/** Units (of equal weight) that each arm needs: of fewer the variance is not known, whatever their rows. */
const minUnits = 10;
/** Units with hits, and with misses, that each arm must be expected to have at the rate of both together. */
const minEvents = 10;

/**
 * Compares two arms that serve at the same time. It may be asked after every call: over a whole experiment without
 * a difference it names a winner in at most 5 of 100 cases.
 *
 * @param a and b: undefined for an arm without rows
 */
export function compareArms(
  a: UnitEstimate | undefined,
  b: UnitEstimate | undefined,
  options: ComparisonOptions = {},
): Comparison {
  const { higherIsBetter = true, split, unitName = 'units', level = 1 - confidenceLevel } = options;
  const { names = rowsWithOutcome } = options;
  const ratio = split === undefined ? null : sampleRatio(split.units, split.weights);
  const apart = a === undefined || b === undefined ? Number.NaN : b.value - a.value;
  const difference = Number.isFinite(apart) ? apart + 0 : null;
  // Adding 0 makes a negative zero a plain one.
  const shown = (arm: UnitEstimate | undefined) => (arm === undefined ? null : arm.value + 0);
  const facts = { a: shown(a), b: shown(b), difference, sample_ratio: ratio };
  const lacking = whatLacks(a, b, unitName, names);
  const interval =
    a === undefined || b === undefined || lacking !== undefined ? null : intervalOf(a, b, level, options);

  if (ratio?.is_mismatch) return { ...facts, verdict: null, interval, detail: mismatchDetail(ratio) };
  if (interval === null || difference === null) {
    const detail = lacking ?? 'The values do not vary enough, or are too large, to compare.';
    return { ...facts, verdict: 'not_enough_data', interval: null, detail };
  }
  const range = `${format(interval.low)} to ${format(interval.high)}`;
  if (interval.low <= 0 && interval.high >= 0) {
    const detail = `B − A is ${format(difference)}, and anything from ${range} is possible.`;
    return { ...facts, verdict: 'no_difference_yet', interval, detail };
  }
  const isBBetter = interval.low > 0 === higherIsBetter;
  const verdict = isBBetter ? 'b_better' : 'a_better';
  return {
    ...facts,
    verdict,
    interval,
    detail: `B − A is ${format(difference)}, ${range} with ${format(100 * (1 - level))} % confidence.`,
  };
}

function whatLacks(
  a: UnitEstimate | undefined,
  b: UnitEstimate | undefined,
  unitName: string,
  names: CountedNames,
): string | undefined {
  const [rowsA, rowsB] = [a?.rows ?? 0, b?.rows ?? 0];
  if (a === undefined || b === undefined || !(rowsA >= minRows && rowsB >= minRows))
    return `A has ${rowsA} ${names.rows} and B ${rowsB}; each needs ${minRows}.`;
  if (!(a.units >= minUnits && b.units >= minUnits)) {
    const [unitsA, unitsB] = [a, b].map(({ units }) => format(Math.floor(units * 10 + 1e-6) / 10));
    return (
      `A has ${unitsA} ${unitName} and B ${unitsB}, counted by how evenly the rows lie in them; each needs ${minUnits}, ` +
      `however many rows they have.`
    );
  }
  if (a.events === undefined || b.events === undefined) return undefined;
  const hits = a.events.hits + b.events.hits;
  const misses = a.events.misses + b.events.misses;
  const smaller = Math.min(a.units, b.units) / (a.units + b.units);
  if (Math.min(hits, misses) * smaller >= minEvents) return undefined;
  return (
    `Of both arms together ${hits} ${unitName} have ${names.hits} and ${misses} have ${names.misses}: ` +
    `the smaller arm can expect fewer than ${minEvents} of one kind, which are too few to compare.`
  );
}

/**
 * The arms' units are one stream. How many independent observations they are worth lies between the units and the rows:
 * the wider of both intervals is taken, so that looking on while the same units get more rows is covered too. Of few
 * units the variance is known badly: what is improbable of a normal value is taken of Student's t, with the degrees of
 * freedom of Welch and Satterthwaite.
 */
function intervalOf(
  a: UnitEstimate,
  b: UnitEstimate,
  level: number,
  { tunedFor = defaultTunedFor, paired }: ComparisonOptions,
): Comparison['interval'] {
  const apart = a.variance + b.variance;
  const variance = paired ?? apart;
  // Of pairs each row counts once.
  const both = paired === undefined ? 1 : 0.5;
  const [units, rows] = [both * (a.units + b.units), both * (a.rows + b.rows)];
  const factor = Math.max(
    ...[units, Math.max(units, rows)].map((count) => sequenceFactor(count, tunedFor, level)),
  );
  const degrees =
    paired === undefined
      ? apart ** 2 / (a.variance ** 2 / (a.units - 1) + b.variance ** 2 / (b.units - 1))
      : Math.min(a.units, b.units) - 1;
  const half = Math.sqrt(variance) * studentFromNormal(factor, degrees);
  const difference = b.value - a.value;
  if (!(half > 0 && Number.isFinite(half) && Number.isFinite(difference))) return null;
  return { low: difference - half, high: difference + half, method: 'confidence_sequence' };
}

function mismatchDetail({ observed, expected, p_value }: SampleRatio): string {
  const percent = (shares: readonly number[]) =>
    shares.map((share) => `${(100 * share).toFixed(1)} %`).join(' to ');
  return (
    `SAMPLE_RATIO_MISMATCH: calls came ${percent(observed)}, configured is ${percent(expected)} ` +
    `(p = ${(p_value ?? 0).toPrecision(2)}). Find out which calls are missing before you compare the arms.`
  );
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
