import { z } from 'zod';

type ToolSchema = {
  type: 'object';
  properties?: Record<string, object>;
  required?: string[];
  [key: string]: unknown;
};

/**
 * A tool's input schema as JSON Schema, in the subset that all known clients take: no `$schema`, `$ref` or
 * `propertyNames`, an object at the top.
 */
export function inputJsonSchema(schema: z.ZodObject): ToolSchema {
  return jsonSchema(schema, 'input');
}

/** A tool's arguments for a person: JSON Schema with bounds, and files as text of the format `path`. */
export function argumentSchemas(schema: z.ZodObject): {
  properties: Record<string, z.core.JSONSchema.BaseSchema>;
  required: readonly string[];
} {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { ...fixed, io: 'input' });
  return {
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, node]) => [name, typeof node === 'object' ? node : {}]),
    ),
    required,
  };
}

/**
 * A tool's output schema, as short as it can be said: every listed tool costs the client's model tokens. It
 * names the fields that every answer has, and their types; nothing is required and other fields may be there, since some
 * clients check the structured content of an error result (`error`) against this schema too and a union at the top is
 * refused by others.
 */
export function outputJsonSchema(schema: z.ZodObject): ToolSchema {
  const { required: _, ...described } = jsonSchema(schema, 'output');
  const properties = Object.fromEntries(
    Object.entries(described.properties ?? {}).flatMap(([name, property]) =>
      schema.shape[name]?.safeParse(undefined).success ? [] : [[name, outline(property, 1)]],
    ),
  );
  return { ...described, properties };
}

/** How deep an output schema names fields: an answer's own, and those of the objects in them. */
const namedDepth = 1;

/** A schema without the fields of what lies deeper than `namedDepth`, and without the members of maps and arrays. */
function outline(node: object, depth: number): object {
  const {
    properties,
    items: _,
    additionalProperties: __,
    anyOf,
    ...rest
  }: {
    properties?: Record<string, object>;
    items?: unknown;
    additionalProperties?: unknown;
    anyOf?: { type?: unknown }[];
  } = node;
  if (anyOf !== undefined) return { ...rest, type: anyOf.map(({ type }) => type) };
  if (properties === undefined) return rest;
  if (depth >= namedDepth) return rest;
  return {
    ...rest,
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, outline(property, depth + 1)]),
    ),
  };
}

/** The format of text that names a file. */
export const pathFormat = 'path';

/** Upper bounds beyond this are met by mistake only (zod also bounds every whole number by what a double holds exactly). */
const largestListedBound = 1000;

const fixed = { target: 'draft-7', unrepresentable: 'any', reused: 'inline' } as const;

function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): ToolSchema {
  const {
    $schema: _,
    type: __,
    ...rest
  } = z.toJSONSchema(schema, {
    ...fixed,
    io,
    override: ({ jsonSchema: node }) => {
      delete node.propertyNames;
      // Of no known client's formats.
      if (node.format === pathFormat) delete node.format;
      // Bounds are checked, and an error names the one that is broken: listed, each costs every client tokens.
      for (const bound of [
        'minLength',
        'maxLength',
        'minItems',
        'maxItems',
        'minimum',
        'exclusiveMinimum',
      ] as const)
        delete node[bound];
      if ((node.maximum ?? 0) > largestListedBound) delete node.maximum;
      if (io === 'input') return;
      delete node.enum;
      delete node.const;
      delete node.required;
      if (node.additionalProperties === false) delete node.additionalProperties;
    },
  });
  return JSON.parse(JSON.stringify({ type: 'object', ...rest }));
}
