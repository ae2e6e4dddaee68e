import { rowsOf, valueAt } from '../prediction_log/column.ts';
import { agreementSum } from '../statistics/agreement.ts';
import { type RangeCounts, type Ranges, rangesOf, rowsForRanges, standingOut } from './feature_ranges.ts';
import type { Labels, PairedRows } from './paired_rows.ts';
import type { AgreementPart, BacktestReport } from './report.ts';

/** Features that are looked at for disagreement; with more, the first. */
const mostFeatures = 200;
const mostRanges = 20;

interface PartSums {
  rows: number;
  agreed: number;
  outcomes: number;
  incumbent: number;
  candidate: number;
}

/** Where and how often two versions agree, summed up batch by batch in memory that does not grow with the rows. */
export function tallyAgreement(features: readonly string[], segmentBy: string | undefined, labels: Labels) {
  const watched = [
    ...new Set([...features.slice(0, mostFeatures), ...(segmentBy === undefined ? [] : [segmentBy])]),
  ];
  const all = agreementSum();
  const counts = new Map<string, RangeCounts & { ranges: Ranges }>();
  const segments = new Map<string, PartSums>();
  let waiting: PairedRows[] = [];
  let [seen, isLearnt] = [0, false];

  const learn = () => {
    isLearnt = true;
    for (const name of watched) {
      const columns = waiting.flatMap(({ batch }) => batch.columns.get(name) ?? []);
      if (columns.every((column) => rowsOf(column) === 0)) continue;
      const ranges = rangesOf(columns);
      const [rows, apart] = [new Float64Array(ranges.names.length), new Float64Array(ranges.names.length)];
      counts.set(name, { names: ranges.names, ranges, rows, apart });
    }
    for (const pairs of waiting) count(pairs);
    waiting = [];
  };
  const count = (pairs: PairedRows) => {
    const { batch, rows, agrees } = pairs;
    for (const [name, { ranges, rows: counted, apart }] of counts) {
      const column = batch.columns.get(name);
      if (column === undefined) continue;
      const rangeOf = ranges.of(column);
      for (let index = 0; index < rows.length; index++) {
        const range = rangeOf(rows[index] ?? 0);
        counted[range] = (counted[range] ?? 0) + 1;
        if (agrees[index] === 0) apart[range] = (apart[range] ?? 0) + 1;
      }
    }
    if (segmentBy !== undefined) countSegments(pairs, segmentBy);
  };
  const countSegments = (pairs: PairedRows, name: string) => {
    const column = pairs.batch.columns.get(name);
    const known = counts.get(name);
    if (column === undefined || known === undefined) return;
    const rangeOf = known.ranges.of(column);
    const judged = judgementOf(pairs, labels);
    for (let index = 0; index < pairs.rows.length; index++) {
      const segment = known.names[rangeOf(pairs.rows[index] ?? 0)] ?? '';
      const sums = segments.get(segment) ?? { rows: 0, agreed: 0, outcomes: 0, incumbent: 0, candidate: 0 };
      sums.rows++;
      sums.agreed += pairs.agrees[index] ?? 0;
      const [one, other] = judged(index);
      if (Number.isFinite(one) && Number.isFinite(other)) {
        sums.outcomes++;
        sums.incumbent += one;
        sums.candidate += other;
      }
      segments.set(segment, sums);
    }
  };

  return {
    add(pairs: PairedRows): void {
      pairs.agrees.forEach((agrees, index) => {
        const one = pairs.numbers?.incumbent[index] ?? Number.NaN;
        all.add({ agrees: agrees === 1, one, other: pairs.numbers?.candidate[index] ?? Number.NaN });
      });
      if (isLearnt) count(pairs);
      else waiting.push(pairs);
      seen += pairs.rows.length;
      if (!isLearnt && seen >= rowsForRanges) learn();
    },
    finish(): BacktestReport['agreement'] {
      if (!isLearnt) learn();
      const names = segmentBy === undefined ? [] : (counts.get(segmentBy)?.names ?? []);
      return {
        ...all.finish(),
        segments: names.flatMap((segment) => {
          const sums = segments.get(segment);
          return sums === undefined ? [] : [{ segment, ...partOf(sums) }];
        }),
        where: standingOut(counts, mostRanges),
      };
    },
  };
}

function partOf({ rows, agreed, outcomes, incumbent, candidate }: PartSums): AgreementPart {
  const mean = (sum: number) => (outcomes === 0 ? null : sum / outcomes);
  return {
    rows,
    agreed,
    share: rows === 0 ? null : agreed / rows,
    outcomes,
    incumbent: mean(incumbent),
    candidate: mean(candidate),
  };
}

/** Of a row with an outcome: 1 where right and 0 where wrong, or the absolute error; NaN where it is not known. */
function judgementOf(
  { batch, rows, classes, numbers }: PairedRows,
  labels: Labels,
): (index: number) => [number, number] {
  return (index) => {
    const actual = batch.outcomes && valueAt(batch.outcomes, rows[index] ?? 0);
    if (actual === undefined || actual === null) return [Number.NaN, Number.NaN];
    if (classes !== undefined) {
      const code = labels.codeOf(actual);
      return [Number(classes.incumbent[index] === code), Number(classes.candidate[index] === code)];
    }
    if (numbers === undefined || typeof actual !== 'number') return [Number.NaN, Number.NaN];
    const error = (of: Float64Array) => Math.abs((of[index] ?? Number.NaN) - actual);
    return [error(numbers.incumbent), error(numbers.candidate)];
  };
}
