import { z } from 'zod';

/** Levels of lists and objects in what a caller sends; nothing that is of use here has a tenth of it. */
const deepest = 100;

/**
 * What makes a value of JSON unfit to be looked at, as the end of a sentence; undefined: nothing. It may be nested deeper
 * than any function that calls itself can follow, and `__proto__` as a name of a member is taken for something else by
 * much that copies objects.
 */
export function shapeFault(value: unknown): string | undefined {
  return faultAt(value, true, 0);
}

/** As shapeFault, of a call's arguments: in those that hold rows of data any name may stand, as features may have any. */
export function argumentsFault(
  given: object,
  rowArguments: readonly string[],
): [name: string, fault: string] | undefined {
  for (const [name, value] of Object.entries(given)) {
    if (name === '__proto__') return ['The arguments', 'have a member named __proto__'];
    const fault = rowArguments.includes(name) ? depthFault(value) : shapeFault(value);
    if (fault !== undefined) return [name, fault];
  }
  return undefined;
}

/** As shapeFault, of what is carried on as it was written: any name may stand in it. */
export function depthFault(value: unknown): string | undefined {
  return faultAt(value, false, 0);
}

function faultAt(value: unknown, judgesNames: boolean, level: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (level >= deepest) return `is nested more than ${deepest} levels deep`;
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item !== 'object' || item === null) continue;
      const fault = faultAt(item, judgesNames, level + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const name of Object.keys(value)) {
    if (judgesNames && name === '__proto__') return 'has a member named __proto__';
    const item: unknown = Reflect.get(value, name);
    if (typeof item !== 'object' || item === null) continue;
    const fault = faultAt(item, judgesNames, level + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Names that every object has already: as those of metrics, tags or versions they would be lost or found where they are not. */
const ownedByEveryObject = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

/** The name of something in an object of any names. */
export const memberName = z
  .string()
  .min(1)
  .max(256)
  .refine((name) => !ownedByEveryObject.has(name), {
    message: 'is a name that every object has, which cannot be used here',
  });
