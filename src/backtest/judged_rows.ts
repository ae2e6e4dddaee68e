import { valueAt } from '../prediction_log/column.ts';
import type { Labels, PairedRows } from './paired_rows.ts';

/** Rows with an outcome that both versions answered, in columns. */
export interface JudgedRows {
  rows: number;
  /** Numbered from 0, in the order of their first row. */
  units: Int32Array;
  unitCount: number;
  classes: { actual: Int32Array; incumbent: Int32Array; candidate: Int32Array } | undefined;
  numbers: { actual: Float64Array; incumbent: Float64Array; candidate: Float64Array } | undefined;
  /** Rows × classes, row by row; NaN where one of the two has none. */
  probabilities: { incumbent: Float64Array; candidate: Float64Array } | undefined;
}

/** Collects the rows with an outcome: some 70 bytes a row and two classes. */
export function judgedRows(labels: Labels, width: number) {
  const units = intColumn();
  const unitNumbers = new Map<number, number>();
  const codes = { actual: intColumn(), incumbent: intColumn(), candidate: intColumn() };
  const values = { actual: floatColumn(), incumbent: floatColumn(), candidate: floatColumn() };
  const shares = { incumbent: floatColumn(), candidate: floatColumn() };
  let kind: 'classes' | 'numbers' | undefined;
  return {
    add({ batch, rows, classes, numbers, probabilities }: PairedRows): void {
      const { outcomes } = batch;
      if (outcomes === undefined) return;
      for (let index = 0; index < rows.length; index++) {
        const row = rows[index] ?? 0;
        const actual = valueAt(outcomes, row);
        if (actual === null) continue;
        if (classes !== undefined) {
          const [one, other] = [classes.incumbent[index] ?? -1, classes.candidate[index] ?? -1];
          if (one < 0 || other < 0) continue;
          kind = 'classes';
          codes.actual.push(labels.codeOf(actual));
          codes.incumbent.push(one);
          codes.candidate.push(other);
          for (let column = 0; column < width; column++) {
            shares.incumbent.push(probabilities?.incumbent[column]?.[index] ?? Number.NaN);
            shares.candidate.push(probabilities?.candidate[column]?.[index] ?? Number.NaN);
          }
        } else if (numbers !== undefined && typeof actual === 'number') {
          const [one, other] = [numbers.incumbent[index], numbers.candidate[index]];
          if (one === undefined || other === undefined || Number.isNaN(one + other)) continue;
          kind = 'numbers';
          values.actual.push(actual);
          values.incumbent.push(one);
          values.candidate.push(other);
        } else continue;
        const unit = batch.units[row] ?? -1;
        const known = unitNumbers.get(unit) ?? unitNumbers.size;
        unitNumbers.set(unit, known);
        units.push(known);
      }
    },
    finish(): JudgedRows {
      const probabilities = { incumbent: shares.incumbent.finish(), candidate: shares.candidate.finish() };
      blankUnshared(probabilities, width);
      return {
        rows: units.length(),
        units: units.finish(),
        unitCount: unitNumbers.size,
        classes: kind === 'classes' ? finished(codes) : undefined,
        numbers: kind === 'numbers' ? finished(values) : undefined,
        probabilities: width > 0 ? probabilities : undefined,
      };
    },
  };
}

/** A row of which one version has no usable probabilities counts for neither. */
function blankUnshared(
  { incumbent, candidate }: Record<'incumbent' | 'candidate', Float64Array>,
  width: number,
): void {
  for (let start = 0; start < incumbent.length; start += width) {
    let usable = true;
    for (let at = start; at < start + width; at++)
      for (const value of [incumbent[at] ?? Number.NaN, candidate[at] ?? Number.NaN])
        usable &&= value >= 0 && value <= 1;
    if (usable) continue;
    incumbent.fill(Number.NaN, start, start + width);
    candidate.fill(Number.NaN, start, start + width);
  }
}

function finished<Values>(columns: Record<'actual' | 'incumbent' | 'candidate', { finish(): Values }>) {
  const { actual, incumbent, candidate } = columns;
  return { actual: actual.finish(), incumbent: incumbent.finish(), candidate: candidate.finish() };
}

const intColumn = () => growing((length) => new Int32Array(length));
const floatColumn = () => growing((length) => new Float64Array(length));

/** A column that takes one value after another. */
function growing<Values extends Int32Array | Float64Array>(create: (length: number) => Values) {
  let values = create(1024);
  let length = 0;
  return {
    push(value: number): void {
      if (length === values.length) {
        const grown = create(2 * length);
        grown.set(values);
        values = grown;
      }
      values[length++] = value;
    },
    length: () => length,
    finish: () => values.slice(0, length) as Values,
  };
}
