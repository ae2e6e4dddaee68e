/** Rows of a run that failed: those that it fails on alone, or the smallest stretch that is known to hold some. */
export interface GuiltyRows<Failure> {
  /** [first, behind the last], ascending. */
  ranges: [number, number][];
  /** Whether every guilty row is named; otherwise the search ended early. */
  isComplete: boolean;
  /** How the first of them failed. */
  failure: Failure;
}

/**
 * Divides a run that failed until the guilty rows are alone.
 * @param failureOf runs the rows from `start` to before `end` alone; undefined when they run.
 * @param limits.runs that may be tried, and of those how many may fail
 */
export async function findGuiltyRows<Failure>(
  rows: number,
  whole: Failure,
  failureOf: (start: number, end: number) => Promise<Failure | undefined>,
  limits: { runs: number; failures: number },
): Promise<GuiltyRows<Failure>> {
  const ranges: [number, number][] = [];
  let [runs, failures] = [0, 0];
  let isComplete = true;
  let first: Failure | undefined;

  const divide = async (start: number, end: number, failure: Failure): Promise<void> => {
    const isSpent = runs >= limits.runs || failures >= limits.failures;
    if (end - start === 1 || isSpent) {
      if (end - start > 1) isComplete = false;
      ranges.push([start, end]);
      first ??= failure;
      return;
    }
    const middle = Math.ceil((start + end) / 2);
    const halves: [number, number][] = [
      [start, middle],
      [middle, end],
    ];
    let found = false;
    for (const [from, to] of halves) {
      if (runs >= limits.runs || failures >= limits.failures) {
        isComplete = false;
        continue;
      }
      runs++;
      const own = await failureOf(from, to);
      if (own === undefined) continue;
      failures++;
      found = true;
      await divide(from, to, own);
    }
    if (!found) {
      // The halves run, or were not tried any more: what fails is the whole.
      ranges.push([start, end]);
      first ??= failure;
    }
  };

  await divide(0, rows, whole);
  return { ranges, isComplete, failure: first ?? whole };
}

const shownRanges = 10;

/** Such as `row 3`, `rows 1, 2 and 7` or `rows 0 to 7 (at least one of them)`. */
export function describeRows({
  ranges,
  isComplete,
}: Pick<GuiltyRows<unknown>, 'ranges' | 'isComplete'>): string {
  const texts = ranges.map(([start, end]) => (end - start === 1 ? `${start}` : `${start} to ${end - 1}`));
  const shown = texts.slice(0, shownRanges);
  const rest = texts.length > shownRanges || !isComplete ? ', and perhaps more' : '';
  const isOne = ranges.length === 1 && texts[0] === String(ranges[0]?.[0]);
  const list =
    isOne || shown.length === 1 || rest !== ''
      ? shown.join(', ')
      : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
  const someOf = ranges.some(([start, end]) => end - start > 1) ? ' (at least one of them)' : '';
  return `${isOne ? 'row' : 'rows'} ${list}${someOf}${rest}`;
}
