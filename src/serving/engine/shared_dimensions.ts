import { ModelYardError } from '../../errors.ts';
import type { NamedDimensions, NamedTensors } from './protocol.ts';

/**
 * Checks the sizes of dimensions to which the graph gives one name: the runtime does not check them, and broadcasts or
 * fails.
 * @returns SIGNATURE_MISMATCH naming the dimension and both sizes; undefined where all agree
 */
export function dimensionMismatch(
  inputs: readonly NamedDimensions[],
  tensors: NamedTensors,
): ModelYardError | undefined {
  if (inputs.length === 0) return undefined;
  const sizes = new Map<string, { size: number; input: string }>();
  for (const { input, names } of inputs) {
    const shape = tensors.get(input)?.shape;
    for (const [axis, name] of names.entries()) {
      const size = shape?.[axis];
      if (name === null || size === undefined) continue;
      const before = sizes.get(name);
      if (before === undefined) sizes.set(name, { size, input });
      else if (before.size !== size)
        return new ModelYardError(
          'SIGNATURE_MISMATCH',
          `The model's dimension ${shown(name)} is ${before.size} in ${shown(before.input)}, but ${size} in ${shown(input)}.`,
          'Dimensions of one name have one size: send tensors of which the sizes agree.',
        );
    }
  }
  return undefined;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
