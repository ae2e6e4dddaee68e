import type { Flow, Value } from './flow.ts';
import type { Size } from './sizes.ts';

/** One node as the rules of the operators see it. */
export interface Step {
  operator: string;
  /** In order; undefined where an optional one is left out. None is mixed. */
  inputs: readonly (Flow | undefined)[];
  /** How many outputs the node has. */
  outputs: number;
  /** The version of ONNX's own operators. */
  opset: number;
  /** The number of rows of the run. */
  rows: Size;
  integer(name: string): number | undefined;
  integers(name: string): number[] | undefined;
  text(name: string): string | undefined;
  tensor(name: string): Flow | undefined;
  has(name: string): boolean;
  /** How many numbers or texts an attribute lists. */
  count(name: string): number;
}

/**
 * The outputs that an operator makes of its inputs (those left out are like the first). undefined: where an input has
 * rows, they are not known to stay independent; where none has, the outputs have none either.
 */
export type Rule = (step: Step) => Value | readonly Value[] | undefined;

/** An axis counted from the front; undefined where the rank is not known. */
export function fromFront(axis: number, dims: readonly Size[] | undefined): number | undefined {
  if (axis >= 0) return axis;
  return dims === undefined ? undefined : axis + dims.length;
}

/** Whole numbers that an input holds, or else an attribute of older operator sets; undefined where they are not known. */
export function integersOf(step: Step, input: number, attribute: string): number[] | undefined {
  const given = step.inputs[input];
  if (given === undefined) return step.integers(attribute);
  if (given.rows !== undefined || given.elements === undefined) return undefined;
  const numbers = given.elements.flatMap((one) =>
    one === undefined || one.names.length > 0 ? [] : [one.factor],
  );
  return numbers.length === given.elements.length ? numbers : undefined;
}

/** Whether the inputs from `first` on are the same whatever the rows are. */
export function areFixed(step: Step, first = 1, last = Number.POSITIVE_INFINITY): boolean {
  return step.inputs.every((input, at) => at < first || at > last || input?.rows === undefined);
}

/** Whether a tensor is one number, such as a scale: it cannot tell rows apart by their place. */
export function isScalar(input: Flow | undefined): boolean {
  if (input === undefined) return true;
  return (
    input.rows === undefined &&
    input.dims !== undefined &&
    input.dims.every((one) => one.factor === 1 && one.names.length === 0)
  );
}
