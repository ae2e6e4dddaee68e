import { z } from 'zod';

/** A number as JSON writes it, and nothing around it. */
const exactNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** What is made of a value; the very same value where nothing has to be made of it. */
type Normalise = (given: unknown) => unknown;

const asGiven: Normalise = (given) => given;

/** A schema never changes, and each call asks for the same ones. */
const made = new WeakMap<z.core.$ZodType, Normalise>();

/**
 * A tool's arguments as callers write them, in the form that its schema asks for. Nothing is guessed: null for an optional
 * argument is its absence, text that is exactly a number or a truth value is taken where the schema wants one, and JSON text
 * where it wants an array or object. All else stays as it was given, for the schema to judge.
 * @returns the same value where it is in that form already
 */
export function normaliseArguments(schema: z.core.$ZodType, given: unknown): unknown {
  return normaliserOf(schema)(given);
}

function normaliserOf(schema: z.core.$ZodType): Normalise {
  let normalise = made.get(schema);
  if (normalise === undefined) {
    normalise = makeNormaliser(schema);
    made.set(schema, normalise);
  }
  return normalise;
}

function makeNormaliser(schema: z.core.$ZodType): Normalise {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return normaliserOf(schema.def.innerType);
  // What is made of a value is described by the end of a pipe; a transformation describes nothing.
  if (schema instanceof z.ZodPipe)
    return normaliserOf(schema.def.out instanceof z.ZodTransform ? schema.def.in : schema.def.out);
  if (schema instanceof z.ZodNumber) return (given) => (typeof given === 'string' ? numberIn(given) : given);
  if (schema instanceof z.ZodBoolean)
    return (given) => (given === 'true' ? true : given === 'false' ? false : given);
  if (schema instanceof z.ZodArray) {
    const item = normaliserOf(schema.element);
    return fromJson((value) => (Array.isArray(value) ? normaliseItems(value, item) : value));
  }
  if (schema instanceof z.ZodRecord) {
    const member = normaliserOf(schema.valueType);
    return fromJson((value) =>
      Array.isArray(value) || member === asGiven ? value : normaliseMembers(value, () => member),
    );
  }
  if (schema instanceof z.ZodObject) {
    const members = new Map(
      Object.entries(schema.shape).map(([name, known]): [string, Normalise] => {
        const normalise = normaliserOf(known);
        return [
          name,
          isOptional(known) ? (given) => (given === null ? undefined : normalise(given)) : normalise,
        ];
      }),
    );
    return fromJson((value) =>
      Array.isArray(value) ? value : normaliseMembers(value, (name) => members.get(name) ?? asGiven),
    );
  }
  return asGiven;
}

/** For an array or object, which may be written as JSON text; anything else stays as it was given. */
function fromJson(normalise: (value: object) => unknown): Normalise {
  return (given) => {
    const value = typeof given === 'string' ? jsonIn(given) : given;
    return typeof value === 'object' && value !== null ? normalise(value) : given;
  };
}

function normaliseItems(items: readonly unknown[], normalise: Normalise): readonly unknown[] {
  if (normalise === asGiven) return items;
  let changed: unknown[] | undefined;
  items.forEach((item, index) => {
    const normalised = normalise(item);
    if (normalised === item) return;
    changed ??= [...items];
    changed[index] = normalised;
  });
  return changed ?? items;
}

/** @param memberOf what normalises the member of that name; what it makes undefined is left out */
function normaliseMembers(value: object, memberOf: (name: string) => Normalise): object {
  const members: [string, unknown][] = Object.entries(value);
  let isChanged = false;
  const normalised = members.flatMap(([name, member]): [string, unknown][] => {
    const made = memberOf(name)(member);
    if (made === member) return [[name, member]];
    isChanged = true;
    return made === undefined ? [] : [[name, made]];
  });
  return isChanged ? Object.fromEntries(normalised) : value;
}

/** Whether an argument may be left out and null means nothing of its own. */
function isOptional(schema: z.core.$ZodType): boolean {
  return z.safeParse(schema, undefined).success && !z.safeParse(schema, null).success;
}

/** A text that is exactly a number, as that number; one that no double holds exactly as an integer stays text. */
function numberIn(text: string): unknown {
  if (!exactNumber.test(text)) return text;
  const number = Number(text);
  return Number.isFinite(number) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(number)) ? number : text;
}

/** An array or object written as JSON text; anything else as it is. */
function jsonIn(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return text;
  }
}
