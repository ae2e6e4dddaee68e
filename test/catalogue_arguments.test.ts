import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PipelineDependencies } from '../src/pipeline.ts';
import type { Services } from '../src/services.ts';
import type { Tool } from '../tools/define_tool.ts';
import { catalogue } from '../tools/index.ts';
import { runTool } from './run_tool.ts';

/** What texts, or values of no type of their own, may have to be for one argument or another. */
const candidates = ['1', '/data/a.csv', '2026-01-31T12:00:00Z', {}, 1, 2, [{}]];

/** A schema without what wraps it: defaults, and how it takes values in another form. */
function core(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return core(schema.def.innerType);
  if (schema instanceof z.ZodPipe)
    return core(schema.def.out instanceof z.ZodTransform ? schema.def.in : schema.def.out);
  return schema;
}

/** A value that a schema takes, with every optional member of every object in it. @param name what it is the value of */
function sample(schema: z.core.$ZodType, name = 'a'): unknown {
  const inner = core(schema);
  if (inner instanceof z.ZodObject)
    return Object.fromEntries(
      Object.entries(inner.shape).map(([name, member]) => [name, sample(member, name)]),
    );
  if (inner instanceof z.ZodArray) {
    const items = [sample(inner.element, name)];
    return z.safeParse(schema, items).success ? items : [...items, ...items];
  }
  if (inner instanceof z.ZodRecord) return { a: sample(inner.valueType) };
  if (inner instanceof z.ZodEnum) return inner.options[0];
  if (inner instanceof z.ZodBoolean) return true;
  const found = [0.5, name, ...candidates].find(
    (value) =>
      (typeof value !== 'number' || !(inner instanceof z.ZodString)) && z.safeParse(schema, value).success,
  );
  if (found === undefined) throw new Error(`No candidate suits a ${inner._zod.def.type}: add one.`);
  return found;
}

type Path = readonly (string | number)[];

/** Every schema in a schema, with the way to it in its sample. */
function nodesOf(schema: z.core.$ZodType, path: Path = []): { path: Path; schema: z.core.$ZodType }[] {
  const inner = core(schema);
  const inside =
    inner instanceof z.ZodObject
      ? Object.entries(inner.shape).flatMap(([name, member]) => nodesOf(member, [...path, name]))
      : inner instanceof z.ZodArray
        ? nodesOf(inner.element, [...path, 0])
        : inner instanceof z.ZodRecord
          ? nodesOf(inner.valueType as z.core.$ZodType, [...path, 'a'])
          : [];
  return [{ path, schema }, ...inside];
}

/** A copy of a value with another at a place; `undefined` leaves it out. */
function withAt(value: unknown, [first, ...rest]: Path, put: unknown): unknown {
  if (first === undefined) return put;
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...Object(value) };
  const changed = withAt(Reflect.get(copy, first), rest, put);
  if (changed === undefined) Reflect.deleteProperty(copy, first);
  else Reflect.set(copy, first, changed);
  return copy;
}

/** What the handler of a tool is given of some arguments; or the error that the pipeline answers. */
async function received(tool: Tool, given: unknown): Promise<unknown> {
  let input: unknown;
  const listening: Tool = {
    ...tool,
    async handle(_, parsed) {
      input = parsed;
      return {};
    },
    links: () => [],
  };
  const result = await runTool(dependencies, listening, given, { role: 'admin', readOnly: false });
  return result.isError === true ? result.structuredContent : input;
}

const quiet = () => undefined;
const dependencies = {
  services: async () =>
    ({ store: { requireIntact: quiet }, access: { audit: { append: quiet } } }) as unknown as Services,
  order: {
    change: (_: string, work: () => unknown) => work(),
    use: (_: string, work: () => unknown) => work(),
  },
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  lacking: [],
} as unknown as PipelineDependencies;

describe.each(catalogue)('$name', (tool) => {
  const whole = sample(tool.input);
  const nodes = nodesOf(tool.input).filter(({ path }) => path.length > 0);
  const named = nodes.map((node) => ({ ...node, name: node.path.join('.') }));
  const optional = named.filter(
    ({ path, schema }) => typeof path.at(-1) === 'string' && z.safeParse(schema, undefined).success,
  );
  const literal = named.filter(({ schema }) => {
    const inner = core(schema);
    return inner instanceof z.ZodNumber || inner instanceof z.ZodBoolean;
  });
  const objects = nodesOf(tool.input).filter(({ schema }) => core(schema) instanceof z.ZodObject);

  test('takes all of its arguments at once', async () => {
    expect(await received(tool, whole)).toMatchObject(
      Object.fromEntries(Object.keys(tool.input.shape).map((name) => [name, expect.anything()])),
    );
  });

  test('takes null for an optional argument as its absence, wherever null has no meaning of its own', async () => {
    for (const { name, path, schema } of optional) {
      // Inside of a map or a policy null may remove a member; an argument itself never means it.
      if (path.length > 1 && z.safeParse(schema, null).success) continue;
      const without = await received(tool, withAt(whole, path, undefined));
      expect(without, name).not.toHaveProperty('error');
      expect(await received(tool, withAt(whole, path, null)), name).toEqual(without);
    }
  });

  test('takes numbers and truth values that are text, exactly', async () => {
    const expected = await received(tool, whole);
    expect(expected).not.toHaveProperty('error');
    for (const { name, path, schema } of literal) {
      const value: unknown = path.reduce<unknown>((at, key) => Reflect.get(Object(at), key), whole);
      expect(await received(tool, withAt(whole, path, JSON.stringify(value))), name).toEqual(expected);
      const inexact = core(schema) instanceof z.ZodBoolean ? 'True' : ' 1';
      expect(await received(tool, withAt(whole, path, inexact)), name).toMatchObject({
        error: { code: 'INVALID_INPUT' },
      });
    }
  });

  test('refuses an unknown key, in itself and in every object that it describes', async () => {
    for (const { path } of objects)
      expect(await received(tool, withAt(whole, [...path, 'nonsense'], null)), path.join('.')).toMatchObject({
        error: { code: 'INVALID_INPUT', message: expect.stringContaining('nonsense') },
      });
  });

  test('takes no arguments at all for an empty object', async () => {
    expect(await received(tool, null)).toEqual(await received(tool, {}));
  });
});
