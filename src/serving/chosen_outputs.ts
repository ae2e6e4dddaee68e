import { ModelYardError } from '../errors.ts';
import { nearestName } from '../nearest_name.ts';
import { describeTensors, type TensorSpec } from '../registry/signature.ts';

/** Which outputs a call asks for. */
export interface ChosenOutputs {
  /** The outputs that the model computes: those asked for, and those that determine the class of a row. */
  fetched: readonly TensorSpec[];
  /** Whether an output is returned as a tensor. */
  isSent(name: string): boolean;
}

/**
 * The outputs that a caller names, or all. A classifier's label (or without one, its scores) is always among those that
 * are computed, so that `value` and the log have the class whatever was chosen.
 * @throws SIGNATURE_MISMATCH for a name that is no output.
 */
export function chooseOutputs(
  outputs: readonly TensorSpec[],
  names: readonly string[] | undefined,
): ChosenOutputs {
  if (names === undefined) return { fetched: outputs, isSent: () => true };
  const known = outputs.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, known);
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `The model has no output ${JSON.stringify(unknown.slice(0, 80))}.`,
      `${nearest === undefined ? '' : `Did you mean ${nearest}? `}Name some of its outputs: ${describeTensors(outputs)}.`,
    );
  }
  const chosen = new Set(names);
  const needed = new Set(classifying(outputs));
  return {
    fetched: outputs.filter(({ name }) => chosen.has(name) || needed.has(name)),
    isSent: (name) => chosen.has(name),
  };
}

/** The outputs that determine the class of a row. */
function classifying(outputs: readonly TensorSpec[]): string[] {
  const label = outputs.find(({ role }) => role === 'label');
  if (label !== undefined) {
    const { name, decided_by } = label;
    return decided_by === undefined ? [name] : [name, decided_by];
  }
  const probabilities = outputs.filter(({ role }) => role === 'probabilities');
  const scores = outputs.filter(({ role }) => role === 'scores').slice(0, 1);
  return (probabilities.length > 0 ? probabilities : scores).map(({ name }) => name);
}
