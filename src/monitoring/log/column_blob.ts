import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { LogColumn } from './column.ts';
import {
  decodeColumn,
  decodeNumbers,
  encodeColumn,
  encodingSchema,
  holdsNumbers,
  planesIn,
} from './column_bytes.ts';

/**
 * Named columns of equal length as bytes: one byte that says how they are packed, the length of the header (32 bits,
 * little endian), the header as JSON, the columns' bytes. Few bytes are deflated as a whole, header and all; of many
 * every piece of a column by itself where that pays, so that a reader unpacks only what it wants and is packed.
 */

const packedAsWhole = 1;
const packedByPiece = 0;
/** Up to so many bytes are deflated as a whole. */
const smallBytes = 32 * 1024;
/** Level 1: on planes of numbers the higher levels take longer and win less than 1 %. */
const level = 1;
/** What deflate makes of so many bytes of a longer piece tells whether all of it is worth the time. */
const sampleBytes = 2048;
/** Packed to a larger share than this it does not pay: unpacking costs every reader. */
const worthwhile = 0.8;

const headerSchema = z.object({
  rows: z.number().int(),
  /**
   * Name, encoding, bytes, and bytes as stored of every piece: fewer when it is deflated. One number, of all pieces
   * deflated together or none: so they were written before.
   */
  columns: z.array(
    z.tuple([
      z.string(),
      encodingSchema,
      z.number().int(),
      z.union([z.number().int(), z.array(z.number().int())]),
    ]),
  ),
});

/** @returns the bytes, and how many they were before they were deflated. */
export function encodeBlob(
  rows: number,
  columns: Iterable<readonly [string, LogColumn]>,
): { bytes: Buffer; rawBytes: number } {
  const encoded = Array.from(columns, ([name, column]) => {
    const { encoding, pieces } = encodeColumn(column);
    return { name, encoding, pieces, raw: bytesIn(pieces) };
  });
  const rawBytes = encoded.reduce((sum, { raw }) => sum + raw, 0);
  const isSmall = rawBytes <= smallBytes;
  const stored = encoded.map(({ pieces }) => (isSmall ? pieces : pieces.map(packed)));
  const header = Buffer.from(
    JSON.stringify({
      rows,
      columns: encoded.map(({ name, encoding, raw }, index) => [
        name,
        encoding,
        raw,
        isSmall ? raw : stored[index]?.map(({ length }) => length),
      ]),
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const content = Buffer.concat([length, header, ...stored.flat()]);
  const bytes = Buffer.concat([
    Buffer.from([isSmall ? packedAsWhole : packedByPiece]),
    isSmall ? deflateRawSync(content, { level }) : content,
  ]);
  return { bytes, rawBytes };
}

function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Deflated where that pays. */
function packed(piece: Uint8Array): Uint8Array {
  if (piece.length >= 4 * sampleBytes) {
    const sample = piece.subarray(piece.length / 2, piece.length / 2 + sampleBytes);
    if (deflateRawSync(sample, { level }).length >= sampleBytes) return piece;
  }
  const deflated = deflateRawSync(piece, { level });
  return deflated.length < piece.length * worthwhile ? deflated : piece;
}

export interface ColumnBlob {
  rows: number;
  names: string[];
  /** The columns of the names that are wanted; all when nothing is said. */
  read(wanted?: ColumnNames): Map<string, LogColumn>;
  /**
   * Puts a column of numbers into memory for all its rows, which is asked for when there is such a column.
   * @returns whether it did
   */
  readNumbers(name: string, memory: () => Float64Array | undefined): boolean;
}

/** A set of names, or what tells for any name whether it is wanted. */
export type ColumnNames = Pick<ReadonlySet<string>, 'has'>;

export function openBlob(bytes: Buffer): ColumnBlob {
  const rest = bytes.subarray(1);
  const content = bytes[0] === packedAsWhole ? inflateRawSync(rest) : rest;
  const start = 4 + content.readUInt32LE(0);
  const { rows, columns } = headerSchema.parse(JSON.parse(content.toString('utf8', 4, start)));
  let end = start;
  const take = (length: number) => {
    end += length;
    return content.subarray(end - length, end);
  };
  const found = columns.map(([name, encoding, raw, stored]) => {
    const planes = planesIn(encoding);
    const split = (whole: Uint8Array) => {
      const ends = Array.from({ length: planes }, (_, plane) => (plane + 1) * rows);
      if (raw > planes * rows) ends.push(raw);
      return ends.map((pieceEnd, piece) => whole.subarray(piece * rows, pieceEnd));
    };
    if (typeof stored === 'number') {
      const whole = take(stored);
      return { name, encoding, pieces: () => split(unpacked(whole, raw)) };
    }
    const parts = stored.map(take);
    const sizeOf = (piece: number) => (piece < planes ? rows : raw - planes * rows);
    return { name, encoding, pieces: () => parts.map((part, piece) => unpacked(part, sizeOf(piece))) };
  });
  const byName = new Map(found.map((column) => [column.name, column]));
  return {
    rows,
    names: found.map(({ name }) => name),
    read(wanted) {
      const read = found.filter(({ name }) => wanted?.has(name) ?? true);
      return new Map(
        read.map(({ name, encoding, pieces }) => [name, decodeColumn(encoding, pieces(), rows)]),
      );
    },
    readNumbers(name, memory) {
      const column = byName.get(name);
      if (column === undefined || !holdsNumbers(column.encoding)) return false;
      const into = memory();
      return into !== undefined && decodeNumbers(column.encoding, column.pieces(), into);
    },
  };
}

function unpacked(bytes: Uint8Array, raw: number): Uint8Array {
  return bytes.length === raw ? bytes : inflateRawSync(bytes);
}
