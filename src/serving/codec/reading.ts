import type { TensorSpec } from '../../registry/signature.ts';

/** Which outputs hold a prediction's label and the scores of its classes. */
export interface Reading {
  /** The output with the class of a row; undefined when there is none. */
  label: string | undefined;
  /** The output whose largest score must be the label's; undefined when the label is not checked. */
  decidedBy: string | undefined;
  /** The outputs that hold one column a class; empty when there are no classes. */
  columns: string[];
  /** Whether these may be probabilities. */
  areProbabilities: boolean;
  /** Whether the one column is the probability of the second of two classes. */
  isPositive: boolean;
  /** The classes as the model codes them; empty where a class is the number of its column. */
  classes: readonly (string | number)[];
}

/** How the outputs are read, by the roles assigned at registration. */
export function readingOf(specs: readonly TensorSpec[], names: readonly string[]): Reading {
  const labelled = specs.find(({ role }) => role === 'label');
  const label = labelled?.name;
  const probabilities = specs.filter(({ role }) => role === 'probabilities');
  const scores = label === undefined ? specs.filter(({ role }) => role === 'scores') : [];
  const columns = probabilities.length > 0 ? probabilities : scores.slice(0, 1);
  const [single] = columns;
  return {
    label,
    decidedBy: labelled?.decided_by,
    columns: columns.map(({ name }) => name),
    areProbabilities: probabilities.length > 0,
    isPositive:
      label === undefined &&
      columns.length === 1 &&
      single !== undefined &&
      columnsOf(single) === 1 &&
      names.length === 2,
    classes: classesOf(specs),
  };
}

/** The classes as the model codes them; empty where a class is the number of its column. */
export function classesOf(specs: readonly TensorSpec[]): readonly (string | number)[] {
  return specs.find(({ classes }) => classes !== undefined)?.classes ?? [];
}

/** The number of an output's columns: 1 for one value a row; undefined when it is open or the output has no rows. */
export function columnsOf({ shape }: TensorSpec): number | undefined {
  if (shape.length === 1) return 1;
  return shape.length === 2 && shape[1] !== -1 ? shape[1] : undefined;
}

/** Whether an output can be the class of a row: one integer, text or boolean a row. */
export function canBeLabel(spec: TensorSpec): boolean {
  if (!['INT64', 'INT32', 'BYTES', 'BOOL'].includes(spec.datatype)) return false;
  return spec.unranked === true || spec.shape.length === 0 || columnsOf(spec) === 1;
}
