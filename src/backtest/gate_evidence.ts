import { comparableMetric } from '../monitoring/performance/index.ts';
import type { BacktestReport } from './report.ts';

/** By how much a candidate may be worse than its incumbent by one metric, at the bad end of the 95 % interval. */
export function gateEvidence(
  { metrics, rows, reason, incumbent, verdict }: BacktestReport,
  metric: string,
): { worseBy: number | null; detail: string } {
  const refusals = metrics.find((one) => one.metric === 'refusals' && one.verdict === 'worse');
  if (refusals !== undefined) return { worseBy: null, detail: refusals.detail };
  const found = metrics.find((one) => one.metric === metric);
  if (found === undefined || found.metric === 'refusals')
    return {
      worseBy: null,
      detail:
        verdict === 'not_comparable' ? reason : `${metric} is not a metric of what these versions answer.`,
    };
  if (found.interval === null) return { worseBy: null, detail: found.detail };
  const { low, high } = found.interval;
  const { better } = comparableMetric(found.metric);
  const worseBy = Math.max(0, better === 'higher' ? -low : high);
  return {
    worseBy,
    detail: `On ${rows.withOutcome} replayed rows with an outcome ${metric} is ${shown(found.candidate)}, of the incumbent ${incumbent} ${shown(found.incumbent)}.`,
  };
}

function shown(value: number | null): string {
  return value === null ? 'not known' : String(Number(value.toPrecision(4)));
}
