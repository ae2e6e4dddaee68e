import { valueAt } from '../prediction_log/column.ts';
import { listedClasses } from '../registry/actual_value.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { agree } from '../serving/shadow.ts';
import { seededRandom } from '../statistics/random.ts';
import { randomRows } from '../statistics/random_rows.ts';
import { judgedRows } from './judged_rows.ts';
import { largestDifferences } from './largest_differences.ts';
import { pairedMetrics } from './paired_metrics.ts';
import { labelCodes, type PairingOptions, pairRows, type ReplayBatch } from './paired_rows.ts';
import { answerAt, type ReplayedRows, type ReplayedVersion } from './replayed_version.ts';
import type { BacktestReport, Refusal, RunTimes } from './report.ts';
import { tallyAgreement } from './tally_agreement.ts';
import { corrected, overallVerdict, refusalMetric } from './verdict.ts';

/** What a replay finds; where its rows came from is added by who reads them. */
export type ReplayFindings = Omit<
  BacktestReport,
  'modelId' | 'candidate' | 'incumbent' | 'source' | 'sampleSeed'
> & {
  /** Features of the candidate, and of the incumbent, that the source had for no row of some batch. */
  absent: { candidate: Set<string>; incumbent: Set<string> };
};

interface ReplayOptions {
  segmentBy: string | undefined;
  progress: (done: number, rows: number) => void;
}

/** Single rows that are timed, and the milliseconds that this may take. */
const timedRows = 200;
const mostTimingMs = 5_000;
const mostReasons = 20;

/**
 * Answers all rows with both versions and compares the answers. While the hosts answer a batch the next one is read.
 * @throws what ReplayedVersion.answer throws
 */
export async function replay(
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  batches: AsyncIterator<ReplayBatch>,
  { segmentBy, progress }: ReplayOptions,
): Promise<ReplayFindings> {
  const labels = labelCodes();
  const features = featureNames(incumbent.record, candidate.record);
  const agreement = tallyAgreement(features, segmentBy, labels);
  const differences = largestDifferences(features);
  const refused = refusals();
  const times = { incumbent: [] as number[], candidate: [] as number[], spentMs: 0 };
  const areClasses = [incumbent.record, candidate.record].every(answersClasses);
  const absent = { candidate: new Set<string>(), incumbent: new Set<string>() };
  const relogged = { rows: 0, others: 0 };
  let pairing: PairingOptions | undefined;
  let judged: ReturnType<typeof judgedRows> | undefined;
  let [replayed, compared] = [0, 0];

  const tally = (batch: ReplayBatch, one: ReplayedRows, other: ReplayedRows) => {
    replayed += batch.rows;
    refused.add(batch.rows, one, other);
    for (const name of one.absent) absent.incumbent.add(name);
    for (const name of other.absent) absent.candidate.add(name);
    pairing ??= pairingOf(one, other, areClasses, labels);
    judged ??= judgedRows(labels, pairing?.probabilityClasses.length ?? 0);
    if (pairing === undefined) return;
    const pairs = pairRows(batch, one, other, pairing);
    compared += pairs.rows.length;
    agreement.add(pairs);
    differences.add(pairs);
    judged.add(pairs);
    countRelogged(batch, one, areClasses, relogged);
  };

  let next = await batches.next();
  while (!next.done) {
    const batch: ReplayBatch = next.value;
    await timeRows(batch, incumbent, candidate, times);
    const answered = Promise.all([incumbent.answer(batch), candidate.answer(batch)]);
    const [read, both] = await Promise.allSettled([batches.next(), answered]);
    if (both.status === 'rejected') throw both.reason;
    if (read.status === 'rejected') throw read.reason;
    tally(batch, ...both.value);
    progress(batch.done, replayed);
    next = read.value;
  }
  const rows = judged?.finish();
  const known = knownClasses(incumbent.record, candidate.record);
  const measured =
    rows === undefined || rows.rows === 0
      ? []
      : pairedMetrics(rows, labels.names, pairing?.probabilityClasses ?? [], known);
  const metrics = corrected([...measured, ...refusalMetric(replayed, refused.counts)]);
  const withOutcome = rows?.rows ?? 0;
  return {
    rows: { available: replayed, replayed, compared, withOutcome },
    units: unitsOf(rows),
    agreement: agreement.finish(),
    differences: differences.finish(),
    metrics,
    ...verdictOf(metrics, compared, refused.reasons()),
    refused: {
      candidate: refused.counts.onlyCandidate + refused.counts.both,
      incumbent: refused.counts.onlyIncumbent + refused.counts.both,
      reasons: refused.reasons().slice(0, mostReasons),
    },
    latencyMs: { candidate: runTimes(times.candidate), incumbent: runTimes(times.incumbent) },
    warnings: warningsOf(incumbent, candidate, relogged),
    absent,
  };
}

function unitsOf(
  rows: ReturnType<ReturnType<typeof judgedRows>['finish']> | undefined,
): BacktestReport['units'] {
  const { unitCount = 0, rows: count = 0 } = rows ?? {};
  return { count: unitCount, kind: unitCount === count ? 'rows' : 'units' };
}

function verdictOf(
  metrics: BacktestReport['metrics'],
  compared: number,
  reasons: readonly Refusal[],
): Pick<BacktestReport, 'verdict' | 'reason'> {
  if (compared > 0) return overallVerdict(metrics);
  const [first] = reasons;
  const why = first === undefined ? '' : ` The ${first.by} refused ${first.rows}: ${first.reason}.`;
  return { verdict: 'not_comparable', reason: `No row was answered by both versions.${why}` };
}

function featureNames(...records: readonly VersionRecord[]): string[] {
  return [...new Set(records.flatMap(({ signature }) => signature.features.map(({ name }) => name)))];
}

function answersClasses({ signature }: VersionRecord): boolean {
  return signature.outputs.some(({ role }) => role !== undefined);
}

/** The classes of both; in the incumbent's order where they are the same. */
function knownClasses(...records: readonly VersionRecord[]): string[] | undefined {
  const all = [...new Set(records.flatMap((record) => listedClasses(record) ?? []))];
  return all.length === 0 ? undefined : all;
}

/** Known with the first rows that both answered. */
function pairingOf(
  one: ReplayedRows,
  other: ReplayedRows,
  areClasses: boolean,
  labels: PairingOptions['labels'],
): PairingOptions | undefined {
  const classesIn = ({ answers }: ReplayedRows) =>
    Array.isArray(answers) ? answers[0]?.probabilities?.map(([label]) => label) : answers.classes;
  const answered = ({ place }: ReplayedRows) => place.some((at) => at >= 0);
  if (!answered(one) || !answered(other)) return undefined;
  const [first = [], second = []] = [one, other].map(classesIn);
  const areSame = first.length === second.length && first.every((label) => second.includes(label));
  return { areClasses, labels, probabilityClasses: areSame ? first : [] };
}

function refusals() {
  const counts = { onlyCandidate: 0, onlyIncumbent: 0, both: 0 };
  const byReason = new Map<string, Refusal>();
  const note = (by: Refusal['by'], found: ReadonlyMap<string, number>) => {
    for (const [reason, rows] of found) {
      const key = `${by} ${reason}`;
      const known = byReason.get(key) ?? { by, reason, rows: 0 };
      byReason.set(key, { ...known, rows: known.rows + rows });
    }
  };
  return {
    counts,
    add(rows: number, one: ReplayedRows, other: ReplayedRows): void {
      note('incumbent', one.refused);
      note('candidate', other.refused);
      if (one.refused.size + other.refused.size === 0) return;
      for (let row = 0; row < rows; row++) {
        const [byOne, byOther] = [(one.place[row] ?? -1) < 0, (other.place[row] ?? -1) < 0];
        if (byOne && byOther) counts.both++;
        else if (byOne) counts.onlyIncumbent++;
        else if (byOther) counts.onlyCandidate++;
      }
    },
    /** Most rows first. */
    reasons: (): Refusal[] => [...byReason.values()].sort((a, b) => b.rows - a.rows),
  };
}

async function timeRows(
  batch: ReplayBatch,
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  times: { incumbent: number[]; candidate: number[]; spentMs: number },
): Promise<void> {
  const left = timedRows - times.incumbent.length;
  if (left <= 0 || times.spentMs > mostTimingMs) return;
  const ofCandidate = new Set(candidate.fits(batch));
  const fitting = incumbent.fits(batch).filter((row) => ofCandidate.has(row));
  const started = performance.now();
  for (const place of randomRows(seededRandom(1), fitting.length, left)) {
    const row = fitting[place] ?? 0;
    const one = await incumbent.timeOf(batch, row);
    const other = await candidate.timeOf(batch, row);
    if (one === undefined || other === undefined || performance.now() - started > mostTimingMs) break;
    times.incumbent.push(one);
    times.candidate.push(other);
  }
  times.spentMs += performance.now() - started;
}

function runTimes(times: readonly number[]): RunTimes | null {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toPrecision(3));
  return sorted.length === 0 ? null : { runs: sorted.length, p50: at(0.5), p95: at(0.95) };
}

/** How often the incumbent answers a row of its own otherwise than the log says. */
function countRelogged(
  { logged, rows }: ReplayBatch,
  one: ReplayedRows,
  areClasses: boolean,
  counts: { rows: number; others: number },
): void {
  if (logged === undefined) return;
  for (let row = 0; row < rows; row++) {
    const place = one.place[row] ?? -1;
    if (place < 0) continue;
    const [before, now] = [valueAt(logged, row), answerAt(one, place)];
    if (before === null) continue;
    counts.rows++;
    const isSame =
      areClasses || typeof before !== 'number' ? String(before) === String(now) : agree(before, now, false);
    if (!isSame) counts.others++;
  }
}

function warningsOf(
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  { rows, others }: { rows: number; others: number },
): string[] {
  const mixed = [incumbent, candidate].flatMap(({ record, rows: independence }) =>
    independence.independent
      ? []
      : [
          `Rows of ${record.version} may change one another's answers (${independence.because}): each was replayed alone, as a call of one row is.`,
        ],
  );
  return others === 0
    ? mixed
    : [
        ...mixed,
        `The incumbent answers ${others} of its own ${rows} logged rows otherwise than it did then: they were answered in company, or elsewhere (log_predictions). Both versions are compared by what they answer now.`,
      ];
}
