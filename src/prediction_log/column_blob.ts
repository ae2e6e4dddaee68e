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
import { atOnce, type Steps } from './in_turns.ts';

/**
 * Named columns of equal length as bytes: one byte for how they are packed, the length of the header (32 bits, little
 * endian), the header as JSON, the columns' bytes. A small blob is deflated as a whole, header included; in a large
 * one each piece of a column is deflated by itself where that pays, so that a reader unpacks only the columns it
 * wants.
 */

const packedAsWhole = 1;
const packedByPiece = 0;
/** Up to this many bytes a blob is deflated as a whole. */
const smallBytes = 32 * 1024;
/** Level 1, since on planes of numbers higher levels take longer and save less than 1 %. */
const level = 1;
/** Bytes of a longer piece that are deflated as a sample, to find out whether deflating all of it is worthwhile. */
const sampleBytes = 2048;
/** The largest share of its size that a packed piece may have to be worth unpacking by every reader. */
const worthwhile = 0.8;

const headerSchema = z.object({
  rows: z.number().int(),
  /**
   * Name, encoding, bytes, and bytes as stored of every piece, fewer when it is deflated; in a small blob, where no piece
   * is deflated by itself, the bytes of all pieces together.
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
export function encodeBlob(rows: number, columns: NamedColumns): EncodedBlob {
  return atOnce(encodingBlob(rows, columns));
}

type NamedColumns = Iterable<readonly [string, LogColumn]>;
interface EncodedBlob {
  bytes: Buffer;
  rawBytes: number;
}

/** The same column by column. */
export function* encodingBlob(rows: number, columns: NamedColumns): Steps<EncodedBlob> {
  const encoded = [];
  for (const [name, column] of columns) {
    const { encoding, pieces } = encodeColumn(column);
    encoded.push({ name, encoding, pieces, raw: bytesIn(pieces) });
    yield;
  }
  const rawBytes = encoded.reduce((sum, { raw }) => sum + raw, 0);
  const isSmall = rawBytes <= smallBytes;
  const stored: Uint8Array[][] = [];
  for (const { pieces } of encoded) {
    stored.push(isSmall ? pieces : pieces.map(packed));
    yield;
  }
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
  /** The columns with wanted names; all by default. */
  read(wanted?: ColumnNames): Map<string, LogColumn>;
  /**
   * Decodes a column of numbers into memory with room for all its rows, which is requested only if there is such a
   * column.
   * @returns whether it did
   */
  readNumbers(name: string, memory: () => Float64Array | undefined): boolean;
}

/** A set of names, or a predicate on names. */
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
