import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { datatypes } from './datatypes.ts';

/**
 * A model's signature: its tensors in Open Inference Protocol datatypes, and the named features of which
 * one record of a predict call consists.
 */

/**
 * What an output is: the class (or cluster, or verdict) of a row; the probabilities of the classes, by column; scores
 * that are not probabilities; or something about the whole call that is not one per row, such as the objects found in
 * all images together.
 */
const outputRoles = ['label', 'probabilities', 'scores', 'call'] as const;

const tensorSpecSchema = z.strictObject({
  name: z.string(),
  datatype: z.enum(datatypes),
  /** Dimensions; -1 is free. */
  shape: z.array(z.number().int()),
  /** The graph leaves the number of dimensions open: `shape` is empty, but the tensor is not a scalar. */
  unranked: z.literal(true).optional(),
  /** Absent for an output that is a plain value. */
  role: z.enum(outputRoles).optional(),
  /**
   * For the label, or for the scores where there is none: the classes as the model codes them, in the order of the
   * columns.
   */
  classes: z.array(z.union([z.string(), z.number()])).optional(),
  /** For a label: the output with the scores, one column a class; the label must have the largest. */
  decided_by: z.string().optional(),
  /** The axis of the rows, where it is not the first free one. */
  row_axis: z.number().int().optional(),
});
export type TensorSpec = z.infer<typeof tensorSpecSchema>;

const featureSchema = z.strictObject({
  name: z.string(),
  datatype: z.enum(datatypes),
  /** The input tensor that takes the feature … */
  input: z.string(),
  /** … and the column in it. */
  column: z.number().int(),
  /** The model accepts a missing value here: null in a record becomes NaN in the tensor. */
  nullable: z.literal(true).optional(),
  /** The encoder's category that may stand for a missing value. */
  missing_category: z.string().optional(),
});
export type Feature = z.infer<typeof featureSchema>;

export const signatureSchema = z.strictObject({
  inputs: z.array(tensorSpecSchema),
  outputs: z.array(tensorSpecSchema),
  /** Empty when the inputs are not tabular: such a model is called with tensors. */
  features: z.array(featureSchema),
});
export type Signature = z.infer<typeof signatureSchema>;

/**
 * The features of one record: an input of shape [N] or [N, 1] is one feature with the input's name; an
 * input of shape [N, F] is F features, named by `featureNames` in the order of inputs and columns, else
 * `f0`, `f1`, … . Any other input makes the model not tabular: no features.
 * @returns the features, and a warning where the names were made up or records cannot be used.
 * @throws SIGNATURE_MISMATCH when `featureNames` does not fit the inputs or repeats a name.
 */
export function deriveFeatures(
  inputs: readonly TensorSpec[],
  featureNames: readonly string[] | undefined,
): { features: Feature[]; warnings: string[] } {
  const widths = inputs.map(columnsOf);
  const free = widths.filter((width) => width === 'free').length;
  if (widths.includes(undefined) || (free > 0 && (free > 1 || featureNames === undefined))) {
    if (featureNames !== undefined)
      throw mismatch(
        `feature_names was given, but the inputs ${describeTensors(inputs)} are not columns of features.`,
        'Leave feature_names out and call predict with `tensors`.',
      );
    return {
      features: [],
      warnings: [
        `The inputs ${describeTensors(inputs)} are not named columns: call predict with \`tensors\`${free > 0 ? ', or register with feature_names' : ''}.`,
      ],
    };
  }
  const fixed = widths.reduce<number>((sum, width) => sum + (typeof width === 'number' ? width : 0), 0);
  const freeWidth = (featureNames?.length ?? 0) - fixed;
  const columns = inputs.flatMap((input, index) => {
    const width = widths[index] === 'free' ? freeWidth : Number(widths[index]);
    return Array.from({ length: Math.max(width, 0) }, (_, column) => ({ input, column, alone: width === 1 }));
  });
  if (featureNames !== undefined && (featureNames.length !== columns.length || (free > 0 && freeWidth < 1)))
    throw mismatch(
      `feature_names has ${featureNames.length} names, but the inputs ${describeTensors(inputs)} have ${fixed}${free > 0 ? ' or more' : ''} columns.`,
      'Give one name per column, in the order the model was trained with.',
    );
  const generated = columns.some((column) => !column.alone) && featureNames === undefined;
  let made = 0;
  const features = columns.map(({ input, column, alone }, index) => ({
    name: featureNames?.[index] ?? (alone ? input.name : `f${made++}`),
    datatype: input.datatype,
    input: input.name,
    column,
  }));
  const repeated = features.find(
    (feature, index) => features.findIndex((f) => f.name === feature.name) !== index,
  );
  if (repeated !== undefined)
    throw mismatch(`The feature name "${repeated.name}" is used twice.`, 'Give every column its own name.');
  const warnings = generated
    ? [`No feature_names were given: the ${made} unnamed columns are called f0 to f${made - 1}.`]
    : [];
  return { features, warnings };
}

/** The number of feature columns of an input of rank 1 or 2; undefined when it is not tabular. */
function columnsOf(input: TensorSpec): number | 'free' | undefined {
  const [, columns] = input.shape;
  if (input.shape.length === 1) return 1;
  if (input.shape.length !== 2 || columns === undefined) return undefined;
  return columns === -1 ? 'free' : columns;
}

const shownDimensions = 16;

/** `-1,3`, at most sixteen dimensions. */
export function describeShape(shape: readonly number[]): string {
  const more = shape.length - shownDimensions;
  return shape.slice(0, shownDimensions).join(',') + (more > 0 ? `,… ${more} more` : '');
}

/** `x FP32[-1,3], y INT64[-1]`, at most ten of them. */
export function describeTensors(tensors: readonly TensorSpec[]): string {
  const shown = tensors.slice(0, 10).map(({ name, datatype, shape, unranked }) => {
    const short = name.length > 80 ? `${name.slice(0, 80)}…` : name;
    return `${short} ${datatype}[${unranked ? 'any shape' : describeShape(shape)}]`;
  });
  return shown.join(', ') + (tensors.length > 10 ? ` and ${tensors.length - 10} more` : '');
}

function mismatch(message: string, hint: string): ModelYardError {
  return new ModelYardError('SIGNATURE_MISMATCH', message, hint);
}
