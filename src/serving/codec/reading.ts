import type { TensorSpec } from '../../registry/signature.ts';

/** Which outputs are a prediction's label and the scores of its classes. */
export interface Reading {
  /** The output that is the class of a row; undefined when there is none. */
  label: string | undefined;
  /** The outputs that hold one column a class; empty when there are no classes. */
  columns: string[];
  /** Whether those may be probabilities. */
  areProbabilities: boolean;
  /** Whether the one column is the probability of the second of two classes. */
  isPositive: boolean;
  /** The classes as the model codes them; empty where a class is the number of its column. */
  classes: readonly (string | number)[];
}

/** How the outputs are read, by the roles that registration gave them. */
export function readingOf(specs: readonly TensorSpec[], names: readonly string[]): Reading {
  const label = specs.find(({ role }) => role === 'label')?.name;
  const probabilities = specs.filter(({ role }) => role === 'probabilities');
  const scores = label === undefined ? specs.filter(({ role }) => role === 'scores') : [];
  const columns = probabilities.length > 0 ? probabilities : scores.slice(0, 1);
  const [single] = columns;
  return {
    label,
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

/** How many columns an output has: 1 for one value a row; undefined when that is open or it has no rows. */
export function columnsOf({ shape }: TensorSpec): number | undefined {
  if (shape.length === 1) return 1;
  return shape.length === 2 && shape[1] !== -1 ? shape[1] : undefined;
}

/** Whether an output can be the class of a row: one whole number, text or truth value a row. */
export function canBeLabel(spec: TensorSpec): boolean {
  if (!['INT64', 'INT32', 'BYTES', 'BOOL'].includes(spec.datatype)) return false;
  return spec.unranked === true || spec.shape.length === 0 || columnsOf(spec) === 1;
}
