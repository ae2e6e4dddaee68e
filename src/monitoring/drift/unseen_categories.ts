import { binCategories } from './bins.ts';
import { minimumRows } from './compare.ts';
import { splitRows } from './hypergeometric.ts';
import { type Column, countValues, type FeatureProfile } from './profile.ts';
import { type Random, seededRandom, seedFor } from './random.ts';
import type { DriftOptions, Severity } from './result.ts';
import { noiseQuantile } from './sampling_noise.ts';
import { severityOf } from './severity.ts';
import { sum } from './shares.ts';
import { wilsonInterval } from './wilson.ts';

/** Current rows with categories that the reference never had. */
export interface UnseenCategories {
  feature: string;
  /** Different categories that the reference has not. */
  categories: number;
  /** The most frequent of them. */
  most_frequent: { category: string; rows: number }[];
  /** Current rows with such a category, as a share of those with a value, and its 95 % interval (Wilson). */
  share: number;
  interval: [low: number, high: number];
  /** What share another sample of the reference's own source would stay below. */
  expected_below: number;
  /** More than that, and at least one row in a hundred: a category the model was not trained on has come up. */
  is_drift: boolean;
  severity: Severity;
  /** Rows with a value. */
  reference_n: number;
  current_n: number;
}

/** A smaller share is not worth a verdict, however new it is. */
const LEAST_SHARE = 0.01;
/**
 * Of the report's level, as for missing shares: asked beside the values, this question then hardly raises more
 * false alarms.
 */
const LEVEL_SHARE = 0.1;
const NAMED = 5;
const LONGEST_NAME = 40;

/**
 * The categorical features with categories that the reference has not, largest share first.
 *
 * Rare categories come up in every new sample (names, codes, ids), so a share counts only when it is above what a
 * random split of both sides' rows gives, at a tenth of the report's level divided by the number of features asked.
 */
export function unseenCategories(
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  options: Pick<DriftOptions, 'significance' | 'minimumRows' | 'seed'>,
): UnseenCategories[] {
  const profiles = new Map(reference.map((profile) => [profile.name, profile]));
  const compared = current.flatMap((column) => {
    const profile = profiles.get(column.name);
    if (column.kind === 'numeric' || profile === undefined || profile.kind === 'numeric') return [];
    return profile.count === 0 ? [] : [{ profile, counts: countValues(column.values) }];
  });
  const level = (options.significance * LEVEL_SHARE) / Math.max(1, compared.length);
  return compared
    .flatMap(({ profile, counts }): UnseenCategories[] => {
      const unseen = [...counts].filter(([category]) => !profile.counts.has(category));
      if (unseen.length === 0) return [];
      const bins = binCategories(profile, counts);
      const rows = unseen.reduce((total, [, count]) => total + count, 0);
      const current_n = sum(bins.current);
      const share = rows / current_n;
      const random = seededRandom(seedFor(options.seed ?? 1, profile.name));
      const expected_below = unseenByChance(bins, level, share, random);
      const enough = Math.min(profile.count, current_n) >= minimumRows(options);
      const is_drift = enough && share >= LEAST_SHARE && share > expected_below;
      return [
        {
          feature: profile.name,
          categories: unseen.length,
          most_frequent: unseen
            .sort((one, other) => other[1] - one[1])
            .slice(0, NAMED)
            .map(([category, count]) => ({ category: category.slice(0, LONGEST_NAME), rows: count })),
          share,
          interval: wilsonInterval(rows, current_n),
          expected_below,
          is_drift,
          severity: is_drift ? severityOf('unseen_share', share) : 'none',
          reference_n: profile.count,
          current_n,
        },
      ];
    })
    .sort((one, other) => Number(other.is_drift) - Number(one.is_drift) || other.share - one.share);
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
