import { ModelYardError } from '../../errors.ts';
import type { FeatureProfile } from '../reference/profile.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { rowsByGroup, selectRows } from '../rows/select_rows.ts';
import { measureColumns } from './compare.ts';
import { type GroupDrift, type GroupedDrift, judgeGroups } from './judge_groups.ts';
import type { DriftOptions } from './result.ts';
import { minimumRows } from './verdict.ts';

export interface BucketDrift extends GroupDrift {
  /** Milliseconds since 1970, UTC: `since` inclusive, `until` exclusive except for the last bucket. */
  since: number;
  until: number;
}

export interface DriftOverTime extends GroupedDrift<BucketDrift> {
  /** Rows without a time, or with one outside the buckets. */
  untimed: number;
}

export interface TimeBuckets {
  /** Milliseconds since 1970, UTC, of every current row; NaN when unknown. */
  times: Float64Array;
  /** How many buckets of the same length, at least 1. */
  buckets: number;
  /** The span that is cut into buckets. Default: from the first row to the last. */
  since?: number | undefined;
  until?: number | undefined;
}

/**
 * Compares the current rows with the reference bucket by bucket of time: shows when a drift began and whether it is
 * still there.
 *
 * @throws INVALID_INPUT when `times` are not of the current rows, or there is no bucket or no span
 */
export function compareOverTime(
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  time: TimeBuckets,
  options: DriftOptions,
): DriftOverTime {
  const { times, buckets } = time;
  requireTimes(current, time);
  const timed = times.filter(isTime);
  const since = time.since ?? timed.reduce((first, at) => Math.min(first, at), Number.POSITIVE_INFINITY);
  const until = time.until ?? timed.reduce((last, at) => Math.max(last, at), Number.NEGATIVE_INFINITY);
  const untimed = times.length - timed.length;
  if (!(since <= until)) return { ...judgeGroups<BucketDrift>([], options, 'span of time'), untimed };

  const length = (until - since) / buckets;
  const bucketOf = Int32Array.from(times, (at) => {
    if (!(isTime(at) && at >= since && at <= until)) return -1;
    return length === 0 ? 0 : Math.min(buckets - 1, Math.floor((at - since) / length));
  });
  const rowsOf = rowsByGroup(bucketOf, buckets);
  const reference_n = Math.max(0, ...reference.map(({ count, missing }) => count + missing));
  const groups = rowsOf.map((rows, bucket) => {
    const from = since + bucket * length;
    const facts = {
      group: new Date(from).toISOString(),
      since: from,
      until: bucket === buckets - 1 ? until : since + (bucket + 1) * length,
      reference_n,
      current_n: rows.length,
    };
    if (rows.length < minimumRows) {
      const note = `NOT_ENOUGH_DATA: ${rows.length} current rows, ${minimumRows} needed for a verdict.`;
      return { facts: { ...facts, note }, comparisons: [] };
    }
    const columns = current.map((column) => selectRows(column, rows));
    return { facts, comparisons: measureColumns(reference, columns, options, rows.length) };
  });
  const inBuckets = rowsOf.reduce((total, rows) => total + rows.length, 0);
  return { ...judgeGroups(groups, options, 'span of time'), untimed: times.length - inBuckets };
}

/** The limits of ECMAScript's time values. */
const lastTime = 8.64e15;

function isTime(at: number): boolean {
  return Math.abs(at) <= lastTime;
}

function requireTimes(
  current: readonly ComparedColumn[],
  { times, buckets, since, until }: TimeBuckets,
): void {
  const odd = current.find(({ values }) => values.length !== times.length);
  if (odd !== undefined) {
    throw new ModelYardError(
      'INVALID_INPUT',
      `"${odd.name}" has ${odd.values.length} rows, but there are ${times.length} times.`,
      'Give one time a row, NaN where it is unknown.',
    );
  }
  if (!Number.isInteger(buckets) || buckets < 1) {
    throw new ModelYardError('INVALID_INPUT', `buckets is ${buckets}.`, 'Give a whole number of at least 1.');
  }
  for (const [name, at] of Object.entries({ since, until })) {
    if (at === undefined || isTime(at)) continue;
    throw new ModelYardError('INVALID_INPUT', `${name} is ${at}.`, 'Give milliseconds since 1970.');
  }
  if (since !== undefined && until !== undefined && since > until) {
    throw new ModelYardError(
      'INVALID_INPUT',
      `since (${since}) is after until (${until}).`,
      'Give the beginning of the span as since and its end as until.',
    );
  }
}
