import { createReadStream } from 'node:fs';
import { ModelYardError, systemCodeOf } from '../../errors.ts';
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
export function textSource(path: string, shownPath: string): TextSource {
  let position = 0;
  return {
    position: () => position,
    async *pieces() {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const file = createReadStream(path, { highWaterMark: pieceBytes });
      const decode = (bytes?: Buffer) => {
        try {
          return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
        } catch {
          throw notReadable(
            shownPath,
            `is not UTF-8 text (near byte ${position}).`,
            'Convert the file to UTF-8, then try again.',
          );
        }
      };
      try {
        for await (const bytes of file) {
          if (!Buffer.isBuffer(bytes)) continue;
          const text = decode(bytes);
          position += bytes.length;
          yield text;
        }
      } catch (error) {
        if (error instanceof ModelYardError || systemCodeOf(error) === undefined) throw error;
        throw notReadable(shownPath, `cannot be read (${systemCodeOf(error)}).`, 'Check its permissions.');
      }
      const rest = decode();
      if (rest !== '') yield rest;
    },
  };
}
