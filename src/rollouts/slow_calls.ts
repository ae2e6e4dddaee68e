import type { TimedCalls } from '../prediction_log/assignments.ts';
import { shareOfUnits } from '../statistics/unit_estimate.ts';
import type { StepEvidence } from './evidence.ts';

/** A p95 up to so many times the incumbent's is tolerated: that much differs between two processes of one version. */
const toleratedRatio = 1.1;
const quantile = 0.95;

/**
 * The calls of both versions beyond the incumbent's p95: its own slowest twentieth, and the candidate's beyond the
 * tolerated multiple, and beyond the margin's. Where slow calls come in clusters (one entity's), a cluster counts as one:
 * counts are divided by the design effect (Kish 1965), the variance over units in variances of as many single calls.
 *
 * @param share the candidate's of the calls, by the weights
 * @param margin in p95s of the incumbent
 * @returns undefined where a version has no call
 */
export function slowCalls(
  candidate: TimedCalls,
  incumbent: TimedCalls,
  share: number,
  margin: number,
): Pick<StepEvidence, 'slow' | 'p95'> {
  const [own, other] = [quantileOf(candidate.latencyMs), quantileOf(incumbent.latencyMs)];
  if (own === undefined || other === undefined) return { slow: undefined, p95: undefined };
  const theirs = beyond(incumbent, other);
  const events = (ratio: number) => {
    const ours = beyond(candidate, other * ratio);
    const cluster = Math.max(ours.cluster, theirs.cluster);
    return { candidate: ours.calls / cluster, incumbent: theirs.calls / cluster, share };
  };
  return {
    slow: { tolerated: events(toleratedRatio), margin: events(margin) },
    p95: { candidate: own, incumbent: other },
  };
}

function quantileOf(values: Float64Array): number | undefined {
  return select(values.slice(), Math.ceil(quantile * values.length) - 1);
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

/** How many calls took longer than `limit`, and how many of them count as one. */
function beyond({ latencyMs, unit }: TimedCalls, limit: number): { calls: number; cluster: number } {
  let most = -1;
  for (let call = 0; call < unit.length; call++) most = Math.max(most, unit[call] ?? -1);
  let calls = 0;
  if (most + 1 === unit.length) {
    for (let call = 0; call < unit.length; call++) calls += Number((latencyMs[call] ?? 0) > limit);
    return { calls, cluster: 1 };
  }
  const counts = new Float64Array(most + 1);
  const slow = new Float64Array(most + 1);
  for (let call = 0; call < unit.length; call++) {
    const of = unit[call] ?? 0;
    counts[of] = (counts[of] ?? 0) + 1;
    if (!((latencyMs[call] ?? 0) > limit)) continue;
    slow[of] = (slow[of] ?? 0) + 1;
    calls++;
  }
  const estimate = shareOfUnits(slow, counts);
  if (estimate === undefined || calls === 0) return { calls, cluster: 1 };
  const alone = (calls + 1) / (unit.length + 2);
  return { calls, cluster: Math.max(1, (estimate.variance * unit.length) / (alone * (1 - alone))) };
}
