import { ModelYardError } from '../../errors.ts';
import { seededRandom } from '../../statistics/random.ts';
import { randomRows } from '../../statistics/random_rows.ts';
import { combinedPValue, drawSplits, maxSplitRows } from '../../statistics/splits.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { measureJointly } from './measure_jointly.ts';
import type { MultivariateResult } from './multivariate_result.ts';
import { rankFeatures } from './rank_features.ts';
import type { DriftOptions } from './result.ts';
import { likeKsDistance, severityOf } from './severity.ts';
import { defaultMinEffect, minimumRows, reportSeed } from './verdict.ts';

export type MultivariateOptions = Pick<DriftOptions, 'significance' | 'threshold' | 'minEffect'>;

/** Random splits behind the p-value, which is a multiple of 1 / (permutations + 1). */
const permutations = 299;
/** Rows drawn at most; the pairwise distances of more would fill the memory. */
const maxRows = 2000;
const minRows = 500;
/** Additions for the p-value, and squared differences for the distances, that take about half a second. */
const affordableSums = 4e8;
const affordableSquares = 2e8;
/** Features above which correlations are not compared, because there are too many pairs. */
const maxPaired = 60;

/**
 * Compares the joint distribution of all numeric features: finds what no feature shows alone, such as a change of
 * how two of them go together.
 *
 * Two statistics share one permutation p-value: the energy distance, which sees every difference but one of few
 * features among many only when it is large, and the largest change of a rank correlation, which sees just that.
 * Rows are drawn at random (seeded) from both sides. Missing values stand in the middle of the others and hardly count:
 * their share is compareColumns' to judge. Drift needs p below the threshold and an effect of `minEffect`.
 * Costs about a second: for a thread of its own.
 *
 * Pure: the same arguments give the same answer.
 *
 * @param reference the rows themselves, not profiles: a profile does not know which values came together
 * @throws INVALID_INPUT when the columns of a side differ in length
 */
export function compareJointly(
  reference: readonly ComparedColumn[],
  current: readonly ComparedColumn[],
  options: MultivariateOptions,
): MultivariateResult {
  const random = seededRandom(reportSeed);
  const before = rowCount(reference, 'reference');
  const now = rowCount(current, 'current');
  const width = reference.filter(({ kind }) => kind === 'numeric').length;
  const size = Math.min(affordableRows(width), maxSplitRows);
  const currentWanted = Math.max(Math.floor(size / 2), size - before);
  const currentRows = randomRows(random, now, currentWanted);
  const referenceRows = randomRows(random, before, size - currentRows.length);
  const { ranks, names, skipped, imputed } = rankFeatures(
    reference,
    current,
    referenceRows,
    currentRows,
    minimumRows,
  );
  const facts = {
    method: 'multivariate' as const,
    features: names.length,
    reference_n: before,
    current_n: now,
    reference_sampled: referenceRows.length,
    current_sampled: currentRows.length,
    imputed,
    skipped,
  };
  const tooFew = tooFewNote(before, now) ?? (names.length < 2 ? tooNarrowNote(names.length) : undefined);
  if (tooFew !== undefined) {
    const nothing = { parts: [], contributions: [], changed_pairs: [] };
    const unknown = { score: null, p_value: null, effect: null, threshold: null };
    return { ...facts, ...unknown, is_drift: false, severity: 'none', ...nothing, note: tooFew };
  }

  const pooledRows = referenceRows.length + currentRows.length;
  const splits = drawSplits(random, pooledRows, referenceRows.length, permutations);
  const paired = Array.from(randomRows(random, ranks.length, maxPaired));
  const threshold = options.threshold ?? options.significance;
  const found = measureJointly(ranks, paired, splits, threshold);
  const p_value = combinedPValue(found.pValues);
  const parts = p_value < threshold ? found.parts.filter((part) => part.p_value < threshold) : [];
  const isFound = (name: 'energy' | 'correlation') => parts.some((part) => part.name === name);
  const effect = Math.max(0, ...parts.map((part) => part.effect));
  const is_drift = parts.length > 0 && effect >= (options.minEffect ?? defaultMinEffect);
  const nameOf = (feature: number) => names[feature] ?? '';
  return {
    ...facts,
    score: found.score,
    p_value,
    effect,
    threshold,
    is_drift,
    severity: is_drift ? severityOf(likeKsDistance, effect) : 'none',
    parts: found.parts,
    contributions: isFound('energy') ? found.contributions(nameOf) : [],
    changed_pairs: isFound('correlation') ? found.changedPairs(nameOf) : [],
    ...(paired.length < ranks.length
      ? {
          note: `Correlations were compared among ${paired.length} of the ${ranks.length} features, chosen at random.`,
        }
      : {}),
  };
}

/** Rows for which the work over all pairs of rows and all pairs of features is affordable. */
function affordableRows(features: number): number {
  const paired = Math.min(maxPaired, features);
  const sumsPerRow = Math.max(1, (permutations * paired * paired) / 4);
  const forSums = Math.floor(affordableSums / sumsPerRow);
  const forDistances = Math.floor(Math.sqrt((2 * affordableSquares) / Math.max(1, features)));
  return Math.max(minRows, Math.min(maxRows, forSums, forDistances));
}

function rowCount(columns: readonly ComparedColumn[], side: string): number {
  const rows = columns[0]?.values.length ?? 0;
  const odd = columns.find(({ values }) => values.length !== rows);
  if (odd === undefined) return rows;
  throw new ModelYardError(
    'INVALID_INPUT',
    `The ${side} column "${odd.name}" has ${odd.values.length} rows, the others have ${rows}.`,
    'Give columns of the same rows, with missing values where there are none.',
  );
}

function tooFewNote(before: number, now: number): string | undefined {
  if (Math.min(before, now) >= minimumRows) return undefined;
  return `NOT_ENOUGH_DATA: ${before} reference and ${now} current rows, ${minimumRows} of either needed for a verdict.`;
}

function tooNarrowNote(features: number): string {
  return `NOT_ENOUGH_DATA: ${features} numeric feature${features === 1 ? '' : 's'} to compare, two needed.`;
}
