import { ModelYardError } from '../errors.ts';
import type { InspectedOutput } from './model_inspector.ts';
import type { TensorSpec } from './signature.ts';

/** The classes that the model itself names, as text; undefined when it names none. */
export function classesOf(outputs: readonly TensorSpec[]): string[] | undefined {
  return outputs.find((output) => output.classes !== undefined)?.classes?.map(String);
}

/**
 * The outputs with the roles that class labels imply: where the caller named the classes, a single output is the
 * label or the scores of the classes.
 *
 * @throws SIGNATURE_MISMATCH when the labels cannot be the names of the model's classes
 */
export function labelledOutputs(
  outputs: readonly InspectedOutput[],
  classLabels: readonly string[] | undefined,
): TensorSpec[] {
  requireClassLabelsFit(classLabels, outputs);
  return outputs.map(({ raw, ...output }) => {
    if (classLabels === undefined || outputs.length > 1 || output.role !== undefined) return output;
    const role = !isFloat(output) ? 'label' : raw ? 'scores' : 'probabilities';
    return { ...output, role };
  });
}

/**
 * Class labels must name each of the model's classes, or each column of its scores; two of them may also belong to a
 * single column, which is then the probability of the second.
 */
function requireClassLabelsFit(
  classLabels: readonly string[] | undefined,
  outputs: readonly InspectedOutput[],
): void {
  if (classLabels === undefined) return;
  if (new Set(classLabels).size !== classLabels.length)
    throw mismatch('class_labels names a class twice.', 'Give every class its own name.');
  const classes = classesOf(outputs);
  if (classes !== undefined && classes.length !== classLabels.length)
    throw mismatch(
      `class_labels has ${classLabels.length} names, but the model has ${classes.length} classes (${list(classes)}).`,
      'Give one name per class, in that order, or leave class_labels out.',
    );
  if (classes !== undefined) return;
  const floats = outputs.filter(isFloat);
  const widths = floats.map(({ shape }) => (shape.length === 2 ? shape[1] : shape.length === 1 ? 1 : -1));
  const [single] = outputs.length === 1 ? floats : [];
  if (single !== undefined && widths[0] === 1 && classLabels.length === 2) {
    if (!single.raw) return;
    throw mismatch(
      `class_labels has two names, but the model's one number a row, ${JSON.stringify(single.name)}, is no probability: it comes from a sum, without a sigmoid.`,
      'Export the model with its sigmoid, or leave class_labels out to get the number.',
    );
  }
  if (floats.length === 0 || widths.includes(-1) || widths.includes(classLabels.length)) return;
  throw mismatch(
    `class_labels has ${classLabels.length} names, but the model gives ${widths.join(' or ')} probabilities per row.`,
    'Give one name per class, in the order of the probabilities.',
  );
}

function isFloat({ datatype }: TensorSpec): boolean {
  return datatype === 'FP16' || datatype === 'FP32' || datatype === 'FP64';
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => (name.length > 80 ? `${name.slice(0, 80)}…` : name));
  return shown.join(', ') + (names.length > 10 ? ', …' : '');
}

function mismatch(message: string, hint: string): ModelYardError {
  return new ModelYardError('SIGNATURE_MISMATCH', message, hint);
}
