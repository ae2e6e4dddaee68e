import type { TimedCalls } from '../prediction_log/assignments.ts';
import { shareOfUnits } from '../statistics/unit_estimate.ts';
import type { StepEvidence } from './evidence.ts';

const quantile = 0.95;
/** Seconds with calls that either version must have had: of fewer it is not known how slow calls cluster. */
const leastSeconds = 10;

/**
 * The calls of both versions beyond the incumbent's p95: its own slowest twentieth, and the candidate's beyond the
 * tolerated multiple, and beyond the margin's. Where slow calls come in clusters (one entity's, or of one second in
 * which a host stood still), a cluster counts as one: counts are divided by the design effect (Kish 1965), the variance
 * over units, or over seconds, in variances of as many single calls.
 *
 * @param share the candidate's of the calls, by the weights
 * @param limits in p95s of the incumbent: up to where slower is no harm, and what must be ruled out
 * @returns undefined where a version has no calls, or calls of too few seconds
 */
export function slowCalls(
  candidate: TimedCalls,
  incumbent: TimedCalls,
  share: number,
  limits: { tolerated: number; margin: number },
): Pick<StepEvidence, 'slow' | 'p95'> {
  const [own, other] = [candidate, incumbent].map(({ latencyMs }) => quantileOf(latencyMs));
  const isShort = [candidate, incumbent].some(({ second }) => countOf(second) < leastSeconds);
  if (own === undefined || other === undefined || isShort) return { slow: undefined, p95: undefined };
  const theirs = beyond(incumbent, other);
  const events = (ratio: number) => {
    const ours = beyond(candidate, other * ratio);
    const cluster = Math.max(ours.cluster, theirs.cluster);
    return { candidate: ours.calls / cluster, incumbent: theirs.calls / cluster, share };
  };
  return {
    slow: { tolerated: events(limits.tolerated), margin: events(limits.margin) },
    p95: { candidate: own, incumbent: other },
  };
}

function quantileOf(latencyMs: Float64Array): number | undefined {
  const finite = new Float64Array(latencyMs.length);
  let count = 0;
  for (let call = 0; call < latencyMs.length; call++) {
    const value = latencyMs[call] ?? Number.NaN;
    if (Number.isFinite(value)) finite[count++] = value;
  }
  return select(finite.subarray(0, count), Math.ceil(quantile * count) - 1);
}

/** The value that would stand at `position` if they were sorted (Hoare 1961, algorithm 65); reorders them. */
function select(values: Float64Array, position: number): number | undefined {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[position] ?? 0;
    let [left, right] = [low, high];
    while (left <= right) {
      while ((values[left] ?? 0) < pivot) left++;
      while ((values[right] ?? 0) > pivot) right--;
      if (left > right) break;
      const swapped = values[left] ?? 0;
      values[left++] = values[right] ?? 0;
      values[right--] = swapped;
    }
    if (right < position) low = left;
    if (position < left) high = right;
  }
  return values[position];
}

/** How many errors of a version count as one, for those of one second often have one cause; 1 where they come singly. */
export function errorCluster({ latencyMs, second }: TimedCalls): number {
  return designEffect(second, (call) => Number.isNaN(latencyMs[call] ?? 0));
}

/** Seconds with calls, from which on it is known how errors cluster. */
export function secondsWithCalls({ second }: TimedCalls): number {
  return countOf(second);
}

/** How many calls took longer than `limit`, and how many of them count as one. */
function beyond({ latencyMs, unit, second }: TimedCalls, limit: number): { calls: number; cluster: number } {
  const isSlow = (call: number) => (latencyMs[call] ?? 0) > limit;
  let calls = 0;
  for (let call = 0; call < unit.length; call++) calls += Number(isSlow(call));
  return { calls, cluster: Math.max(designEffect(unit, isSlow), designEffect(second, isSlow)) };
}

/** @param groups of each call, numbered from 0 on */
function designEffect(groups: Int32Array, isHit: (call: number) => boolean): number {
  const most = countOf(groups);
  // Where every call is a group of its own there are no clusters.
  if (most === groups.length) return 1;
  const [counts, hits] = [new Float64Array(most), new Float64Array(most)];
  let total = 0;
  for (let call = 0; call < groups.length; call++) {
    const group = groups[call] ?? 0;
    counts[group] = (counts[group] ?? 0) + 1;
    if (!isHit(call)) continue;
    hits[group] = (hits[group] ?? 0) + 1;
    total++;
  }
  const estimate = shareOfUnits(hits, counts);
  if (estimate === undefined || total === 0) return 1;
  const alone = (total + 1) / (groups.length + 2);
  return Math.max(1, (estimate.variance * groups.length) / (alone * (1 - alone)));
}

function countOf(groups: Int32Array): number {
  let most = -1;
  for (const group of groups) most = Math.max(most, group);
  return most + 1;
}
