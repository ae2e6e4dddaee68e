import { ModelYardError } from '../../errors.ts';
import { maxRank } from '../../tensors/datatypes.ts';

/**
 * The shape of nested lists, row-major; [] for a plain value.
 * @param of what they are, for the error
 * @throws SIGNATURE_MISMATCH where lists at one depth differ in length, or are nested more deeply than a tensor can be
 */
export function nestedShape(of: string, value: unknown): number[] {
  const shape: number[] = [];
  for (let first = value; Array.isArray(first); first = first[0]) {
    shape.push(first.length);
    if (shape.length > maxRank)
      throw uneven(`${of} is nested more than ${maxRank} levels deep`, 'Give a tensor of fewer dimensions.');
  }
  let level: unknown[] = [value];
  for (const [depth, length] of shape.entries()) {
    const next: unknown[] = [];
    for (const list of level) {
      if (!Array.isArray(list) || list.length !== length)
        throw uneven(
          `${of} has ${Array.isArray(list) ? `a list of ${list.length}` : 'a plain value'} at depth ${depth}, where others are lists of ${length}`,
          'Give lists of equal length at every depth.',
        );
      for (const item of list) next.push(item);
    }
    level = next;
  }
  if (level.some((item) => typeof item === 'object' && item !== null))
    throw uneven(
      `${of} has lists or objects where others are plain values`,
      'Give numbers, texts or true and false.',
    );
  return shape;
}

function uneven(what: string, hint: string): ModelYardError {
  return new ModelYardError('SIGNATURE_MISMATCH', `${what}.`, hint);
}
