import {
  type ComparableMetricName,
  type Comparison,
  type ComparisonOptions,
  comparableMetric,
  compareArms,
} from '../performance/index.ts';
import type { Arm } from './arm.ts';
import { accuracyObjection } from './rare_class.ts';

/** A version with what is held against that of another one. */
export interface Contender {
  version: string;
  arm: Arm | undefined;
  /** As a shadow: what the baseline answered to the same rows. */
  given?: Arm | undefined;
  options: ComparisonOptions;
}

export type QualityComparison = Comparison & { metric: ComparableMetricName };

/** By the metric asked for, or else the default; undefined where there is none. */
function compareQuality(
  a: Arm | undefined,
  b: Arm | undefined,
  options: ComparisonOptions,
): QualityComparison | undefined {
  // Without rows the kind of an arm's answers is not known.
  const metric = [a, b].find((arm) => arm?.estimate !== undefined)?.metric ?? a?.metric ?? b?.metric;
  if (metric === undefined) return undefined;
  const { better, comparison: by } = comparableMetric(metric);
  const [ofA, ofB] = [a, b].map((arm) => (arm?.metric === metric ? arm.estimate : undefined));
  const comparison = {
    metric,
    ...compareArms(ofA, ofB, {
      ...options,
      higherIsBetter: better === 'higher',
      names: a?.names ?? b?.names,
    }),
  };
  const reason = reasonOf(a?.reason, b?.reason);
  if (reason !== undefined && comparison.verdict === 'not_enough_data')
    return { ...comparison, detail: reason };
  if (!by.namesWinner && comparison.interval !== null && comparison.verdict !== null)
    return {
      ...comparison,
      verdict: null,
      detail: `${comparison.detail} ${metric} is of a whole sample and names no winner: ${by.instead} do.`,
    };
  const isDecided = comparison.verdict === 'a_better' || comparison.verdict === 'b_better';
  if (!isDecided || metric !== 'accuracy' || a === undefined || b === undefined || !a.isDefault)
    return comparison;
  const [name, winner, loser] =
    comparison.verdict === 'a_better' ? (['A', a, b] as const) : (['B', b, a] as const);
  const objection = accuracyObjection(winner.classes, loser.classes);
  if (objection === undefined) return comparison;
  return {
    ...comparison,
    verdict: null,
    detail: `${comparison.detail} But ${name}, the more accurate, is no winner: ${objection}. Say by metric what counts (f1, recall, precision, …).`,
  };
}

/**
 * Variance of the difference of two estimates of the same rows in the same units, by what each unit adds to both errors
 * (as in the backtest); of shares at least that of one row more on which both differ.
 */
function pairedVariance(one: Arm, other: Arm): number | undefined {
  const [a, b] = [one.estimate, other.estimate];
  if (a === undefined || b === undefined) return undefined;
  const units = Math.max(a.influences.length, b.influences.length);
  let squares = 0;
  for (let unit = 0; unit < units; unit++)
    squares += ((b.influences[unit] ?? 0) - (a.influences[unit] ?? 0)) ** 2;
  const variance = (squares * units) / Math.max(1, units - 1);
  return Math.max(variance, a.events === undefined ? 0 : 1 / a.rows ** 2);
}

/** Each of `challengers` against the baseline, at 5 % over all of them and all looks (Bonferroni). */
export function compareChallengers(
  baseline: Arm | undefined,
  challengers: readonly Contender[],
): { version: string; comparison: QualityComparison }[] {
  return challengers.flatMap(({ version, arm, given, options }) => {
    const against = given ?? baseline;
    const paired = given && arm && pairedVariance(given, arm);
    const level = levelOf(challengers.length);
    const comparison = compareQuality(against, arm, { ...options, level, paired });
    return comparison === undefined ? [] : [{ version, comparison }];
  });
}

/** Of each of so many comparisons. */
export function levelOf(comparisons: number): number {
  return 0.05 / Math.max(1, comparisons);
}

/**
 * The one version that is better than all others: the baseline, where every challenger is worse; or a challenger that
 * is better than the baseline and than every other challenger. With m of k challengers truly better than the baseline, and
 * alike, a challenger that is not passes the first test in (k − m)/k of 5 % of experiments at most, and one that is passes
 * the second, which is over all pairs, in m(m − 1)/(k(k − 1)) of 5 %: both together in 5 %, whatever m is.
 *
 * @param found of compareChallengers
 */
export function winnerOf(
  baseline: string,
  challengers: readonly Contender[],
  found: readonly { version: string; comparison: Comparison }[],
): { version: string | undefined; note: string } {
  const none = (note: string) => ({ version: undefined, note });
  const verdicts = challengers.map(
    ({ version }) => found.find((one) => one.version === version)?.comparison.verdict,
  );
  if (verdicts.every((verdict) => verdict === 'a_better'))
    return { version: baseline, note: `${baseline} is better than every other version.` };
  const better = challengers.filter((_, index) => verdicts[index] === 'b_better');
  const [first] = better;
  if (first === undefined) return none('No version is surely better than the others, so there is no winner.');
  const pairs = (challengers.length * (challengers.length - 1)) / 2;
  const beats = (one: Contender, other: Contender) => {
    // Shadows of the same rows are taken for shadows of others: of these the difference varies more.
    const options = { ...one.options, split: undefined, level: levelOf(pairs) };
    return compareQuality(other.arm, one.arm, options)?.verdict === 'b_better';
  };
  const best = better.find((one) => challengers.every((other) => other === one || beats(one, other)));
  if (best !== undefined)
    return {
      version: best.version,
      note: `${best.version} is better than every other version, at 5 % over all versions and looks.`,
    };
  const names = better.map(({ version }) => version).join(', ');
  return none(
    `Better than ${baseline}: ${names}. But none is surely better than all others, so there is no winner.`,
  );
}

/** Why there is no value; where it concerns one arm only, with the arm's letter. */
function reasonOf(a: string | undefined, b: string | undefined): string | undefined {
  if (a === b) return a;
  return [a && `A: ${a}`, b && `B: ${b}`].filter((reason) => reason !== undefined).join(' ');
}
