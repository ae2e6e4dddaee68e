import { promisify } from 'node:util';
import { deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { LogColumn } from './column.ts';
import { decodeColumn, encodeColumn, encodingSchema } from './column_bytes.ts';

/**
 * Named columns of equal length as bytes: one byte that says how they are packed, the length of the header (32 bits,
 * little endian), the header as JSON, the columns' bytes. Few bytes are deflated as a whole, header and all; many
 * column by column, so that a reader unpacks only those that it wants.
 */

const packedAsWhole = 1;
const packedByColumn = 0;
/** Up to so many bytes are deflated as a whole. */
const smallBytes = 32 * 1024;
/** Bytes of a column from which on another thread inflates it. */
const largeColumn = 16 * 1024;
/** Level 1: on planes of numbers the higher levels take longer and win less than 1 %. */
const level = 1;

const headerSchema = z.object({
  rows: z.number().int(),
  /** Name, encoding, bytes, and bytes as stored: fewer when they are deflated. */
  columns: z.array(z.tuple([z.string(), encodingSchema, z.number().int(), z.number().int()])),
});

/** @returns the bytes, and how many they were before they were deflated. */
export function encodeBlob(
  rows: number,
  columns: Iterable<readonly [string, LogColumn]>,
): { bytes: Buffer; rawBytes: number } {
  const encoded = Array.from(columns, ([name, column]) => ({ name, ...encodeColumn(column) }));
  const rawBytes = encoded.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const isSmall = rawBytes <= smallBytes;
  const chunks = encoded.map(({ bytes }) => (isSmall ? bytes : deflated(bytes)));
  const header = Buffer.from(
    JSON.stringify({
      rows,
      columns: encoded.map(({ name, encoding, bytes }, index) => [
        name,
        encoding,
        bytes.length,
        chunks[index]?.length,
      ]),
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const content = Buffer.concat([length, header, ...chunks]);
  const packed = isSmall ? deflateRawSync(content, { level }) : content;
  const bytes = Buffer.concat([Buffer.from([isSmall ? packedAsWhole : packedByColumn]), packed]);
  return { bytes, rawBytes };
}

/** Deflated where that pays. */
function deflated(bytes: Uint8Array): Uint8Array {
  const packed = deflateRawSync(bytes, { level });
  return packed.length < bytes.length * 0.95 ? packed : bytes;
}

export interface ColumnBlob {
  rows: number;
  names: string[];
  /** The columns of the names that are wanted; all when nothing is said. */
  read(wanted?: ColumnNames): Promise<Map<string, LogColumn>>;
}

/** A set of names, or what tells for any name whether it is wanted. */
export type ColumnNames = Pick<ReadonlySet<string>, 'has'>;

const inflateElsewhere = promisify<Uint8Array, Buffer>(inflateRaw);

export function openBlob(bytes: Buffer): ColumnBlob {
  const rest = bytes.subarray(1);
  const content = bytes[0] === packedAsWhole ? inflateRawSync(rest) : rest;
  const start = 4 + content.readUInt32LE(0);
  const { rows, columns } = headerSchema.parse(JSON.parse(content.toString('utf8', 4, start)));
  let end = start;
  const chunks = columns.map(([name, encoding, raw, stored]) => {
    end += stored;
    return { name, encoding, raw, bytes: content.subarray(end - stored, end) };
  });
  return {
    rows,
    names: chunks.map(({ name }) => name),
    async read(wanted) {
      const read = chunks
        .filter(({ name }) => wanted?.has(name) ?? true)
        .map(async ({ name, encoding, raw, bytes: stored }) => {
          const plain = stored.length === raw ? stored : await inflated(stored, raw);
          return [name, decodeColumn(encoding, plain, rows)] as const;
        });
      return new Map(await Promise.all(read));
    },
  };
}

async function inflated(bytes: Uint8Array, raw: number): Promise<Buffer> {
  return raw < largeColumn ? inflateRawSync(bytes) : inflateElsewhere(bytes);
}
