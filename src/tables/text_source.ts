import { isUtf8 } from 'node:buffer';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import { type FileRef, piecesOf } from '../files/opened_file.ts';
import { notReadable } from './table.ts';

/** A file's text, piece by piece, and how much of it has been read. */
export interface TextSource {
  pieces(): AsyncGenerator<string>;
  /** Bytes read so far. */
  position(): number;
}

/** Small enough that pieces are short-lived objects: the heap stays as it is, however long the file. */
const pieceBytes = 64 * 1024;

/**
 * Reads a file as UTF-8; a byte order mark is left out.
 * @throws INVALID_INPUT for what is not UTF-8 or cannot be read.
 */
export function textSource(path: FileRef, shownPath: string): TextSource {
  let position = 0;
  let line = 1;
  return {
    position: () => position,
    async *pieces() {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const decode = (bytes?: Buffer) => {
        try {
          return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
        } catch {
          throw notReadable(
            shownPath,
            `is not UTF-8 text (line ${line + (bytes === undefined ? 0 : linesBeforeFault(bytes))}).`,
            'Convert the file to UTF-8, then try again.',
          );
        }
      };
      try {
        for await (const bytes of piecesOf(path, pieceBytes)) {
          const text = decode(bytes);
          position += bytes.length;
          line += lineBreaks(text);
          yield text;
        }
      } catch (error) {
        throw fromSystem(error, shownPath);
      }
      const rest = decode();
      if (rest !== '') yield rest;
    },
  };
}

/** An error of the system while a file is read, as its reader is told; any other as it is. */
export function fromSystem(error: unknown, shownPath: string): unknown {
  if (error instanceof ModelYardError || systemCodeOf(error) === undefined) return error;
  return notReadable(shownPath, `cannot be read (${systemCodeOf(error)}).`, 'Check its permissions.');
}

function lineBreaks(text: string): number {
  let breaks = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) breaks++;
  return breaks;
}

/** How many lines of a piece end before the first that is no UTF-8; a character may have begun in the piece before. */
function linesBeforeFault(piece: Buffer): number {
  let start = 0;
  // Up to three bytes of a character that began before.
  while (start < 3 && ((piece[start] ?? 0) & 0xc0) === 0x80) start++;
  for (let lines = 0; ; lines++) {
    const end = piece.indexOf(10, start);
    if (end < 0 || !isUtf8(piece.subarray(start, end))) return lines;
    start = end + 1;
  }
}
