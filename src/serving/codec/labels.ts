import { ModelYardError } from '../../errors.ts';

type Code = string | number | boolean | null;

/** Relative difference up to which two scores count as equal, since labels are chosen before rounding. */
const tie = 1e-5;

/**
 * The class of a row: the model's own label, unless it is none of the model's classes or the scores that decide it say
 * another one. Then it is the class with the largest score. The runtime's labels of a tree ensemble are wrong where its
 * classes are two integers other than 0 and 1, or only one.
 * @param classes the classes as the model codes them, in the order of the scores' columns.
 * @param scores the scores that decide the label; undefined where a label may rightly differ from the largest of them.
 * @param fallback scores for a label that is none of the classes.
 * @throws INFERENCE_FAILED for such a label where no scores say which class is meant.
 */
export function classByScores(
  label: Code,
  classes: readonly (string | number)[],
  scores: readonly number[] | undefined,
  fallback: readonly number[],
): Code {
  if (classes.length === 0) return label;
  const index = classIndex(classes, label);
  if (index !== -1 && scores === undefined) return label;
  const deciding = scores ?? fallback;
  const best = classes.length === 1 ? 0 : largest(deciding, classes.length);
  if (index === -1) {
    const found = best === undefined ? undefined : classes[best];
    if (found === undefined) throw unknownClass(label, classes);
    return found;
  }
  if (best === undefined || best === index) return label;
  const gap = (deciding[best] ?? 0) - (deciding[index] ?? 0);
  return gap > tie * Math.max(Math.abs(deciding[best] ?? 0), 1e-30) ? (classes[best] ?? label) : label;
}

/** The position of a label among the classes, also as another type of the same code; -1 where it is missing. */
export function classIndex(classes: readonly Code[], label: Code): number {
  const exact = classes.indexOf(label);
  if (exact !== -1) return exact;
  const text = codeText(label);
  return classes.findIndex((one) => codeText(one) === text);
}

/** A boolean is the label 0 or 1, and a number may have become text. */
function codeText(code: Code): string {
  return String(typeof code === 'boolean' ? Number(code) : code);
}

/** The column of the largest score; undefined unless there is one finite score a class. */
function largest(scores: readonly number[], classes: number): number | undefined {
  if (scores.length !== classes || !scores.every(Number.isFinite)) return undefined;
  return scores.reduce((best, score, index) => (score > (scores[best] ?? score) ? index : best), 0);
}

function unknownClass(label: Code, classes: readonly (string | number)[]): ModelYardError {
  return new ModelYardError(
    'INFERENCE_FAILED',
    `The model's label ${JSON.stringify(label)} is none of its classes (${classes.slice(0, 10).join(', ')}${classes.length > 10 ? ', …' : ''}), and it gives no scores by which the class could be told.`,
    'Export the model with its probabilities, or with its scores as the only output.',
  );
}
