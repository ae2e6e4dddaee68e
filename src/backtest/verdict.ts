import { confidenceLevel } from '../statistics/interval.ts';
import { mcnemarExact } from '../statistics/mcnemar.ts';
import type { BacktestVerdict, PairedMetric } from './report.ts';

/** With what its own p-value says; corrected later. */
export function judge(
  measured: Omit<PairedMetric, 'detail'>,
  better: 'higher' | 'lower' | 'nearer_zero',
  namesWinner: boolean,
  detail: string,
): PairedMetric {
  const { difference, pValue, interval } = measured;
  const isUp = (difference ?? 0) > 0;
  const isSure = pValue !== null && pValue < 1 - confidenceLevel;
  const verdict = !isSure ? 'no_difference_shown' : isUp === (better === 'higher') ? 'better' : 'worse';
  const range =
    interval === null ? '' : `, ${format(interval.low)} to ${format(interval.high)} with 95 % confidence`;
  return {
    ...measured,
    verdict: namesWinner ? verdict : null,
    detail: `candidate − incumbent is ${format(difference ?? 0)}${range}; ${detail}${namesWinner ? '' : '; it is of the whole sample and names no winner'}.`,
  };
}

/** The same metrics with p-values adjusted by Holm (1979), and verdicts by these. */
export function corrected(metrics: readonly PairedMetric[]): PairedMetric[] {
  const judged = metrics
    .filter(({ verdict, pValue }) => verdict !== null && pValue !== null)
    .toSorted((a, b) => (a.pValue ?? 1) - (b.pValue ?? 1));
  const adjusted = new Map<string, number>();
  let largest = 0;
  judged.forEach(({ metric, pValue }, rank) => {
    largest = Math.max(largest, Math.min(1, (pValue ?? 1) * (judged.length - rank)));
    adjusted.set(metric, largest);
  });
  return metrics.map((one) => {
    const pAdjusted = adjusted.get(one.metric) ?? null;
    const isDecided = one.verdict === 'better' || one.verdict === 'worse';
    const isLost = isDecided && (pAdjusted ?? 1) >= 1 - confidenceLevel;
    return { ...one, pAdjusted, verdict: isLost ? 'no_difference_shown' : one.verdict };
  });
}

/** What all metrics say together, with the sentence why. */
export function overallVerdict(metrics: readonly PairedMetric[]): {
  verdict: BacktestVerdict;
  reason: string;
} {
  const named = (wanted: PairedMetric['verdict']) =>
    metrics.filter(({ verdict }) => verdict === wanted).map(({ metric }) => metric);
  const [better, worse, open] = [named('better'), named('worse'), named('no_difference_shown')];
  const shown = (some: readonly string[]) =>
    metrics
      .filter(({ metric }) => some.includes(metric))
      .map(
        ({ metric, incumbent, candidate }) =>
          `${metric} (${format(incumbent ?? 0)} → ${format(candidate ?? 0)})`,
      )
      .join(', ');
  if (better.length > 0 && worse.length > 0)
    return {
      verdict: 'mixed',
      reason: `The candidate is better by ${shown(better)} and worse by ${shown(worse)}.`,
    };
  if (worse.length > 0) return { verdict: 'worse', reason: `The candidate is worse by ${shown(worse)}.` };
  if (better.length > 0)
    return { verdict: 'better', reason: `The candidate is better by ${shown(better)}, and worse by none.` };
  if (open.some((metric) => metric !== 'refusals'))
    return {
      verdict: 'no_difference_shown',
      reason: `Chance explains every difference of ${open.join(', ')}: that shows no difference, and does not prove that there is none.`,
    };
  const [first] = metrics.filter(({ metric }) => metric !== 'refusals');
  return {
    verdict: 'not_comparable',
    reason:
      first?.detail ??
      'No replayed row has an outcome: how the answers differ can be said, which are right cannot.',
  };
}

/** The rows that only one of the two can answer, as a metric of its own. */
export function refusalMetric(
  rows: number,
  { onlyIncumbent, onlyCandidate, both }: { onlyIncumbent: number; onlyCandidate: number; both: number },
): PairedMetric[] {
  if (rows === 0 || onlyIncumbent + onlyCandidate === 0) return [];
  const [incumbent, candidate] = [(onlyIncumbent + both) / rows, (onlyCandidate + both) / rows];
  return [
    judge(
      {
        metric: 'refusals',
        incumbent,
        candidate,
        difference: candidate - incumbent,
        interval: null,
        pValue: mcnemarExact(onlyIncumbent, onlyCandidate),
        pAdjusted: null,
        test: 'mcnemar_exact',
        verdict: null,
      },
      'lower',
      true,
      `${onlyCandidate} of ${rows} rows only the candidate could not answer, ${onlyIncumbent} only the incumbent`,
    ),
  ];
}

/** Four digits, for a sentence. */
export function format(value: number): string {
  return String(Number(value.toPrecision(4)));
}
