import { z } from 'zod';
import { datatypes } from '../src/registry/datatypes.ts';
import { gatePolicySchema, guardedStages } from '../src/registry/gate_policy.ts';
import { stages } from '../src/registry/stages.ts';

/** Scripts send `version=1` as a number: it is taken as the text it prints as. */
function orNumber<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (typeof value === 'number' ? String(value) : value), schema);
}

/** Some clients send arrays and objects as JSON text: it is parsed. */
export function orJsonText<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => {
    if (typeof value !== 'string') return value;
    try {
      const parsed: unknown = JSON.parse(value);
      return parsed;
    } catch {
      return value;
    }
  }, schema);
}

/** A refinement, not a pattern: the rule is in the error, and a pattern in every schema would cost tokens. */
const identifier = z.string().refine((text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text), {
  message: 'must be 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit',
});

export const modelId = orNumber(identifier);
export const version = orNumber(identifier);
/** `version`, or `model:version` of another model. */
export const versionReference = orNumber(
  z
    .string()
    .refine((text) => /^([A-Za-z0-9][A-Za-z0-9._-]{0,127}:)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text), {
      message: 'must be a version, or model:version',
    }),
);
export const stage = z.enum(stages);
export const names = orJsonText(z.array(z.string().min(1).max(256)).min(1).max(10_000));
export const responseFormat = z.enum(['concise', 'detailed']).default('concise');
export const limit = z.number().int().min(1).max(200).default(25);
export const cursor = z.string().describe('next_cursor of the page before');
export const timestamp = z
  .string()
  .refine(
    (text) => /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)),
    {
      message: 'must be an ISO 8601 time with a zone, such as 2026-01-31T12:00:00Z',
    },
  )
  .meta({ format: 'date-time' });

/** An object with any keys, as it was sent: keys such as __proto__ are data here. */
const plainObject = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    {
      message: 'must be an object',
    },
  )
  .meta({ type: 'object' });

export const record = plainObject;
export const records = orJsonText(z.array(record).min(1));
export const textMap = orJsonText(
  plainObject.pipe(z.record(z.string().min(1).max(256), z.string().max(5000))),
);
export const numberMap = orJsonText(plainObject.pipe(z.record(z.string().min(1).max(256), z.number())));
export const anyMap = orJsonText(plainObject.pipe(z.record(z.string().min(1).max(256), z.unknown())));

/** Names to values; null takes a name away. */
export function nullableMap<T extends z.ZodType>(value: T) {
  return orJsonText(plainObject.pipe(z.record(z.string().min(1).max(256), value.nullable())));
}
/** Names that could be versions, to versions; null takes a name away. */
export const versionMap = orJsonText(plainObject.pipe(z.record(identifier, version.nullable())));

/** The gates of a model's stages; their fields are told in words, which is shorter. */
export const gatePolicies = orJsonText(
  plainObject.pipe(
    z.strictObject(
      Object.fromEntries(guardedStages.map((name) => [name, gatePolicySchema.nullable().optional()])),
    ),
  ),
);

export const tensor = z.strictObject({
  datatype: z.enum(datatypes),
  shape: z.array(z.number().int().min(0)),
  data: z.array(z.unknown()).meta({ items: {} }),
});

export const artifact = z.strictObject({ sha256: z.string(), bytes: z.number() });

/** An answer's signature: as the registry has it, with the datatypes' names not listed once more. */
const shownTensor = z.strictObject({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number()),
  unranked: z.boolean().optional(),
});
const shownOutput = shownTensor.extend({
  role: z.string().optional(),
  classes: z.array(z.unknown()).meta({ items: {} }).optional(),
});
export const signature = z.strictObject({
  inputs: z.array(shownTensor),
  outputs: z.array(shownOutput),
  features: z.array(
    z.strictObject({
      name: z.string(),
      datatype: z.string(),
      input: z.string(),
      column: z.number(),
      nullable: z.boolean().optional(),
    }),
  ),
});
export const warnings = z.array(z.string());

/** In whole milliseconds, at least one, as times are kept: PostgreSQL takes no part of one. */
export function hoursToMs(hours: number): number {
  return Math.max(1, Math.round(hours * 3_600_000));
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
