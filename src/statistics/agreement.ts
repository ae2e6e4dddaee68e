/** How two answers to the same rows compare, row by row. */
export interface Agreement {
  /** Rows that both answered. */
  rows: number;
  agreed: number;
  /** agreed / rows; null without rows. */
  share: number | null;
  /**
   * The mean of other − one, and of its size, over the rows where both answered a finite number; null where there are
   * none, or where it is beyond floating point.
   */
  meanDifference: number | null;
  meanAbsoluteDifference: number | null;
}

/** A pair of answers to one row. */
export interface AnsweredPair {
  agrees: boolean;
  /** What both answered, where that is a number; NaN elsewhere. */
  one: number;
  other: number;
}

/** Sums pairs up one by one, in memory for none of them. Pairs may come in any order. */
export function agreementSum() {
  let [rows, agreed, numbers] = [0, 0, 0];
  const [difference, size] = [compensatedSum(), compensatedSum()];
  return {
    add({ agrees, one, other }: AnsweredPair): void {
      rows++;
      if (agrees) agreed++;
      const apart = other - one;
      if (!Number.isFinite(apart)) return;
      numbers++;
      difference.add(apart);
      size.add(Math.abs(apart));
    },
    finish: (): Agreement => ({
      rows,
      agreed,
      share: rows === 0 ? null : agreed / rows,
      meanDifference: mean(difference.value(), numbers),
      meanAbsoluteDifference: mean(size.value(), numbers),
    }),
  };
}

function mean(sum: number, count: number): number | null {
  return count > 0 && Number.isFinite(sum) ? sum / count : null;
}

/** A sum that carries what rounding loses (Neumaier 1974). */
function compensatedSum() {
  let [sum, lost] = [0, 0];
  return {
    add(value: number): void {
      const next = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
    },
    value: () => (Number.isFinite(sum) ? sum + lost : sum),
  };
}
