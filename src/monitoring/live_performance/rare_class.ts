import type { ClassCount } from '../performance/index.ts';

/** Accuracy says little about a class with a smaller share of the rows. */
const rareShare = 0.1;
/**
 * Actual rows of one of several classes that a version must have before it matters that it never predicts the class.
 */
const minOccurred = 10;

/**
 * Why the version with the better accuracy is no winner. Of two classes: the rarer one is rare, and the version's
 * recall or precision of it is worse. Of several: it never predicts a class that the other version finds. undefined
 * where there is no objection.
 */
export function accuracyObjection(
  winner: readonly ClassCount[],
  loser: readonly ClassCount[],
): string | undefined {
  const labels = [
    ...new Set([...winner, ...loser].filter(({ actual }) => actual > 0).map(({ label }) => label)),
  ];
  const pairs = labels.map((label) => ({ label, own: countOf(winner, label), other: countOf(loser, label) }));
  const total = pairs.reduce((sum, { own, other }) => sum + own.actual + other.actual, 0);
  if (pairs.length > 2) {
    const lost = pairs.find(
      ({ own, other }) => own.predicted === 0 && own.actual >= minOccurred && other.hits > 0,
    );
    return lost && `it never predicts "${lost.label}", which ${lost.own.actual} of its rows turned out to be`;
  }
  const [rarer] = pairs.toSorted((a, b) => a.own.actual + a.other.actual - (b.own.actual + b.other.actual));
  if (pairs.length < 2 || rarer === undefined) return undefined;
  const { label, own, other } = rarer;
  const share = (own.actual + other.actual) / total;
  if (share >= rareShare) return undefined;
  const rare = `"${label}", which is ${format(100 * share)} % of the rows`;
  const [recall, otherRecall] = [own, other].map(recallOf);
  if (typeof otherRecall === 'number' && !(typeof recall === 'number' && recall >= otherRecall))
    return `its recall of ${rare}, is ${recall == null ? 'not known' : format(recall)} against ${format(otherRecall)}`;
  const [precision = 0, otherPrecision = 0] = [own, other].map(precisionOf);
  if (precision < otherPrecision)
    return `its precision of ${rare}, is ${format(precision)} against ${format(otherPrecision)}`;
  return undefined;
}

/** A sentence for each class that occurred but is never predicted. */
export function neverPredicted(version: string, counts: readonly ClassCount[]): string[] {
  return counts
    .filter(({ actual, predicted }) => actual > 0 && predicted === 0)
    .map(
      ({ label, actual }) =>
        `Version ${version} never predicts "${label}", which ${actual} of its rows turned out to be.`,
    );
}

function countOf(counts: readonly ClassCount[], label: string): ClassCount {
  return counts.find((one) => one.label === label) ?? { label, actual: 0, predicted: 0, hits: 0 };
}

function recallOf({ hits, actual }: ClassCount): number | null {
  return actual === 0 ? null : hits / actual;
}

/** 0 for a class that is never predicted. */
function precisionOf({ hits, predicted }: ClassCount): number {
  return predicted === 0 ? 0 : hits / predicted;
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
