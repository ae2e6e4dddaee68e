import { z } from 'zod';
import { readStored } from '../../storage/stored_json.ts';
import type { FeatureProfile } from './profile.ts';

/** A feature's profile as a row of the database: a few facts as JSON, and the sample or counts as bytes. */
export interface StoredColumn {
  name: string;
  kind: FeatureProfile['kind'];
  facts: string;
  /**
   * Numeric: the width of a number (4 or 8), then the sorted sample as IEEE 754, little endian; 4 where that loses
   * nothing. Otherwise JSON, `[[category, rows], …]`.
   */
  bytes: Uint8Array<ArrayBuffer>;
}

const numericFacts = z.object({
  count: z.number(),
  missing: z.number(),
  mean: z.number(),
  standard_deviation: z.number(),
  min: z.number(),
  max: z.number(),
  distinct: z.number(),
});
const categoricalFacts = z.object({ count: z.number(), missing: z.number() });
const countsSchema = z.array(z.tuple([z.string(), z.number()]));

export function encodeProfile(profile: FeatureProfile): StoredColumn {
  if (profile.kind === 'numeric') {
    const { name, kind, sorted, ...facts } = profile;
    return { name, kind, facts: JSON.stringify(facts), bytes: numberBytes(sorted) };
  }
  const { name, kind, counts, ...facts } = profile;
  return {
    name,
    kind,
    facts: JSON.stringify(facts),
    bytes: new Uint8Array(Buffer.from(JSON.stringify([...counts]))),
  };
}

/** @throws INTERNAL when it is damaged */
export function decodeProfile({ name, kind, facts, bytes }: StoredColumn): FeatureProfile {
  const read = <Schema extends z.ZodType>(schema: Schema, column: 'facts' | 'bytes', text: string) =>
    readStored(schema, text, { table: 'reference_columns', column, of: `the reference data of ${name}` });
  if (kind === 'numeric')
    return { name, kind, ...read(numericFacts, 'facts', facts), sorted: numbersIn(bytes) };
  const counts = read(countsSchema, 'bytes', Buffer.from(bytes).toString('utf8'));
  return { name, kind, ...read(categoricalFacts, 'facts', facts), counts: new Map(counts) };
}

function numberBytes(values: Float64Array): Uint8Array<ArrayBuffer> {
  const isSingle = values.every((value) => Math.fround(value) === value);
  const numbers = isSingle ? Float32Array.from(values) : values;
  const bytes = new Uint8Array(1 + numbers.byteLength);
  bytes[0] = numbers.BYTES_PER_ELEMENT;
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), 1);
  return bytes;
}

function numbersIn(bytes: Uint8Array): Float64Array {
  // A copy, because a Float64Array must begin at a multiple of 8 bytes.
  const { buffer } = bytes.slice(1);
  return bytes[0] === 4 ? Float64Array.from(new Float32Array(buffer)) : new Float64Array(buffer);
}
