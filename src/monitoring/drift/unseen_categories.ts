import { shortestDecimal } from '../../serving/codec/round_as_model.ts';
import { splitRows } from '../../statistics/hypergeometric.ts';
import { type Random, seededRandom, seedFor } from '../../statistics/random.ts';
import { noiseQuantile } from '../../statistics/sampling_noise.ts';
import { sum } from '../../statistics/shares.ts';
import { wilsonInterval } from '../../statistics/wilson.ts';
import type { CategoricalProfile, FeatureProfile } from '../reference/profile.ts';
import { type ComparedColumn, countValues, finiteValues } from '../rows/compared_column.ts';
import { binCategories, maxValueBins } from './bins.ts';
import type { DriftOptions, DriftResult } from './result.ts';
import { badDataScale, higherSeverity, type Severity, severityOf } from './severity.ts';
import { minimumRows, reportSeed } from './verdict.ts';

/** Current rows with categories that the reference never had. */
export interface UnseenCategories {
  feature: string;
  /** Different categories that the reference lacks. */
  categories: number;
  /** The most frequent of them. */
  most_frequent: { category: string; rows: number }[];
  /** Current rows with such a category, as a share of those with a value, and its 95 % interval (Wilson). */
  share: number;
  interval: [low: number, high: number];
  /** The share that another sample of the reference's own source would stay below. */
  expected_below: number;
  /** The share exceeds that and one row in a hundred: a category that the model was not trained on has appeared. */
  is_drift: boolean;
  severity: Severity;
  /** Rows with a value. */
  reference_n: number;
  current_n: number;
}

/** A smaller share gives no verdict, however new the category is. */
const minShare = 0.01;
/**
 * Share of the report's level, as for missing shares, so that this additional question hardly raises the false-alarm
 * rate.
 */
const levelShare = 0.1;
const maxNamed = 5;
const maxName = 40;

/**
 * The categorical features, and the numeric ones with few different values, that have values which the reference has
 * not; largest share first.
 *
 * Rare categories come up in every new sample (names, codes, ids), so a share counts only when it is above what a
 * random split of both sides' rows gives, at a tenth of the report's level divided by the number of features asked.
 */
export function unseenCategories(
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  options: Pick<DriftOptions, 'significance'>,
): UnseenCategories[] {
  const profiles = new Map(reference.map((profile) => [profile.name, profile]));
  const compared = current.flatMap((column) => {
    const profile = categoriesOf(profiles.get(column.name));
    if (profile === undefined || profile.count === 0) return [];
    const isNumeric = profiles.get(column.name)?.kind === 'numeric';
    if (isNumeric !== (column.kind === 'numeric')) return [];
    const counts = column.kind === 'numeric' ? countNumbers(column.values) : countValues(column.values);
    return [{ profile, counts }];
  });
  const level = (options.significance * levelShare) / Math.max(1, compared.length);
  return compared
    .flatMap(({ profile, counts }): UnseenCategories[] => {
      const unseen = [...counts].filter(([category]) => !profile.counts.has(category));
      if (unseen.length === 0) return [];
      const bins = binCategories(profile, counts);
      const rows = unseen.reduce((total, [, count]) => total + count, 0);
      const current_n = sum(bins.current);
      const share = rows / current_n;
      const { low, high } = wilsonInterval(rows, current_n);
      const random = seededRandom(seedFor(reportSeed, profile.name));
      const expected_below = unseenByChance(bins, level, share, random);
      const enough = Math.min(profile.count, current_n) >= minimumRows;
      const is_drift = enough && share >= minShare && share > expected_below;
      return [
        {
          feature: profile.name,
          categories: unseen.length,
          most_frequent: unseen
            .sort((one, other) => other[1] - one[1])
            .slice(0, maxNamed)
            .map(([category, count]) => ({ category: category.slice(0, maxName), rows: count })),
          share,
          interval: [low, high],
          expected_below,
          is_drift,
          severity: is_drift ? severityOf(badDataScale(), share) : 'none',
          reference_n: profile.count,
          current_n,
        },
      ];
    })
    .sort((one, other) => Number(other.is_drift) - Number(one.is_drift) || other.share - one.share);
}

/**
 * The categories of a reference. Numbers with few different values (codes, flags, counts) are categories too: a code
 * that never occurred before is news, though it hardly changes the distribution.
 */
function categoriesOf(profile: FeatureProfile | undefined): CategoricalProfile | undefined {
  if (profile?.kind !== 'numeric') return profile;
  if (profile.distinct > maxValueBins) return undefined;
  const { name, count, missing, sorted } = profile;
  return { name, kind: 'categorical', count, missing, counts: countNumbers(sorted) };
}

/** Rows per finite value, by its text. */
function countNumbers(values: Float64Array): Map<string, number> {
  const counts = countValues(finiteValues(values));
  return new Map([...counts].map(([value, rows]) => [String(shortestDecimal(value)), rows]));
}

/** The results, with every feature marked as drifted that has more unseen categories than chance explains. */
export function markUnseen(
  results: readonly DriftResult[],
  unseen: readonly UnseenCategories[],
): DriftResult[] {
  const drifted = new Map(unseen.filter(({ is_drift }) => is_drift).map((one) => [one.feature, one]));
  return results.map((result) => {
    const found = drifted.get(result.feature);
    if (found === undefined) return result;
    return {
      ...result,
      is_drift: true,
      cause: result.missing_shift ? 'missing' : 'unseen',
      severity: higherSeverity(result.severity, found.severity),
    };
  });
}

/** The share of unseen rows that a random split of the pooled rows exceeds with probability `level`. */
function unseenByChance(
  { reference, current }: { reference: Float64Array; current: Float64Array },
  level: number,
  share: number,
  random: Random,
): number {
  const pooled = reference.map((rows, category) => rows + (current[category] ?? 0));
  const [n, m] = [sum(reference), sum(current)];
  const one = new Float64Array(pooled.length);
  const other = new Float64Array(pooled.length);
  const simulate = () => {
    splitRows(random, pooled, n, one, other);
    let unseen = 0;
    for (let category = 0; category < one.length; category++) {
      if (one[category] === 0) unseen += other[category] ?? 0;
    }
    return unseen / m;
  };
  return Math.min(1, noiseQuantile(simulate, pooled.length, level, share));
}
