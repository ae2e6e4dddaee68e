import { z } from 'zod';
import { messageOf } from '../../src/errors.ts';
import { localPath } from '../../src/files/local_path.ts';
import { identifier } from '../../src/identifier.ts';
import { pathFormat } from '../../src/json_schema.ts';
import { depthFault, memberName, shapeFault } from '../../src/json_shape.ts';
import { comparableMetricNames } from '../../src/monitoring/performance/index.ts';
import { isPlainObject } from '../../src/plain_object.ts';

import { datatypes } from '../../src/registry/datatypes.ts';
import { gatePolicySchema, guardedStages } from '../../src/registry/gate_policy.ts';
import { stages } from '../../src/registry/stages.ts';

/** Some clients send `version=1` as a number, which becomes text. */
function orNumber<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (typeof value === 'number' ? String(value) : value), schema);
}

/** Some clients send arrays and objects as JSON text: it is parsed. */
export function orJsonText<T extends z.ZodType>(schema: T, faultOf = shapeFault) {
  return z.preprocess((value, context) => {
    if (typeof value !== 'string') return value;
    const parsed = parsedText(value);
    const fault = faultOf(parsed);
    if (fault === undefined) return parsed;
    context.addIssue({ code: 'custom', message: fault, input: value });
    return z.NEVER;
  }, schema);
}

function parsedText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const modelId = orNumber(identifier);
/** Versions are names in objects too, such as the weights of a route. */
const versionName = identifier.pipe(memberName);
export const version = orNumber(versionName);
/** `version`, or `model:version` of another model. */
export const versionReference = orNumber(
  z
    .string()
    .refine((text) => /^([A-Za-z0-9][A-Za-z0-9._-]{0,127}:)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text), {
      message: 'must be a version, or model:version',
    }),
);
/** A file's path: absolute, `~/…` or a `file://` URI (such as answers give), which become absolute here. */
export const filePath = z
  .preprocess((given, context) => {
    if (typeof given !== 'string') return given;
    try {
      return localPath(given);
    } catch (error) {
      context.issues.push({ code: 'custom', input: given, message: messageOf(error) });
      return given;
    }
  }, z.string().min(1).max(4096))
  .meta({ format: pathFormat });
export const stage = z.enum(stages);
export const names = orJsonText(z.array(z.string().min(1).max(256)).min(1).max(10_000));
export const responseFormat = z.enum(['concise', 'detailed']).default('concise');
export const limit = z.number().int().min(1).max(200).default(25);
export const cursor = z.string();
export const timestamp = z
  .string()
  .refine(
    (text) => /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)),
    {
      message: 'must be an ISO 8601 time with a zone, such as 2026-01-31T12:00:00Z',
    },
  )
  .meta({ format: 'date-time' });

/** An object with any keys, as it was sent; even a key such as __proto__ is only data. */
const plainObject = z
  .custom<Record<string, unknown>>(isPlainObject, { message: 'must be an object' })
  .meta({ type: 'object' });

export const record = plainObject;
export const records = orJsonText(
  z
    .custom<Record<string, unknown>[]>(Array.isArray, { message: 'must be an array' })
    // One look at each row: a schema for each would cost as much as making tensors of them.
    .superRefine((rows, context) => {
      const wrong = rows.findIndex((row) => !isPlainObject(row));
      if (rows.length === 0)
        context.addIssue({ code: 'custom', message: 'must have at least one row', input: rows });
      if (wrong !== -1)
        context.addIssue({
          code: 'custom',
          message: 'must be an object',
          path: [wrong],
          input: rows[wrong],
        });
    })
    .meta({ type: 'array', items: { type: 'object' } }),
  depthFault,
);
export const textMap = orJsonText(plainObject.pipe(z.record(memberName, z.string().max(5000))));
export const numberMap = orJsonText(plainObject.pipe(z.record(memberName, z.number())));
export const anyMap = orJsonText(plainObject.pipe(z.record(memberName, z.unknown())));

/** Names to values; null removes a name. */
export function nullableMap<T extends z.ZodType>(value: T) {
  return orJsonText(plainObject.pipe(z.record(memberName, value.nullable())));
}
/** Aliases to versions; null removes an alias. */
export const versionMap = orJsonText(plainObject.pipe(z.record(versionName, version.nullable())));

/** Monitoring knows the metrics, which the registry does not. */
const gatePolicy = gatePolicySchema.safeExtend({
  backtest: gatePolicySchema.shape.backtest
    .unwrap()
    .extend({ on: z.enum(comparableMetricNames) })
    .optional(),
});

/** The gates of a model's stages. Their fields are described in words, which takes fewer tokens than a schema. */
export const gatePolicies = orJsonText(
  plainObject.pipe(
    z.strictObject(Object.fromEntries(guardedStages.map((name) => [name, gatePolicy.nullable().optional()]))),
  ),
);

export const tensor = z.strictObject({
  datatype: z.enum(datatypes),
  shape: z.array(z.number().int().min(0)),
  /** Not looked at one by one: there may be millions, and the model's signature says what each must be. */
  data: z
    .custom<unknown[]>(Array.isArray, { message: 'must be an array' })
    .meta({ type: 'array', items: {} }),
});

/** Rounded to whole milliseconds, at least one, since PostgreSQL stores times as integers. */
export function hoursToMs(hours: number): number {
  return Math.max(1, Math.round(hours * 3_600_000));
}
