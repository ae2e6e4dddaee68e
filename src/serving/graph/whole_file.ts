import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelYardError, messageOf } from '../../errors.ts';
import { type FileRef, piecesOf, placedReader, statusOf } from '../../files/opened_file.ts';
import { maxGraphBytes, type Piece, type Stretch, wholeModel } from './external_tensors.ts';
import { packedParts, trailerBytes } from './packed_model.ts';

/** A tensor's entry of the file it is in, StringStringEntryProto: the key `location`. */
const locationKey = Buffer.from('\n\x08location', 'latin1');

/** Whether a file may be a model that keeps tensors in other files: a quick look through its bytes. */
export async function mayNameOtherFiles(file: FileRef): Promise<boolean> {
  let before = Buffer.alloc(0);
  for await (const piece of piecesOf(file, 1 << 20)) {
    // The key may lie across two pieces.
    const border = Buffer.concat([before, piece.subarray(0, locationKey.length - 1)]);
    if (border.includes(locationKey) || piece.includes(locationKey)) return true;
    before = Buffer.concat([before, piece]).subarray(1 - locationKey.length);
  }
  return false;
}

/**
 * Writes a model and what its tensors need of the files beside it as one file.
 * @param folder of which only plain files are read, no links
 * @returns false, writing nothing, when the model has all its tensors itself
 * @throws ARTIFACT_INVALID when it names files that are not there; LIMIT_EXCEEDED above `maxBytes` in all
 */
export async function writeWholeFile(
  file: FileRef,
  folder: string,
  to: string,
  maxBytes: number,
): Promise<boolean> {
  const own = await statusOf(file);
  const { size } = own;
  if (size > Math.min(maxBytes, maxGraphBytes)) return false;
  // One that was packed before is whole, though its graph names the part behind it.
  if (packedParts(await tailOf(file, size), size) !== undefined) return false;
  const opened = new Map<string, number | undefined>();
  const openedOnce = (name: string) => {
    if (!opened.has(name)) opened.set(name, openBeside(folder, name));
    return opened.get(name);
  };
  try {
    const model = await contentOf(file, size);
    let pieces: Piece[] | undefined;
    try {
      pieces = wholeModel(model, (name) => {
        const beside = openedOnce(name);
        if (beside === undefined) return undefined;
        const found = fstatSync(beside);
        if (found.ino === own.ino && found.dev === own.dev)
          throw new Error(
            `it says that tensors are in ${JSON.stringify(name.slice(0, 100))}, which is the model's own file: written under one name, the graph replaced the tensors (save it again with another name for its external data)`,
          );
        return found.size;
      });
    } catch (error) {
      throw unreadable(messageOf(error));
    }
    if (pieces === undefined) return false;
    await writePieces(pieces, openedOnce, to, maxBytes);
    return true;
  } finally {
    for (const descriptor of opened.values()) if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The end of a file, where a packed model says what it is. */
export async function tailOf(file: FileRef, size: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(trailerBytes, size));
  const reader = await placedReader(file);
  try {
    const { bytesRead } = await reader.read(tail, 0, tail.length, size - tail.length);
    return tail.subarray(0, bytesRead);
  } finally {
    await reader.close();
  }
}

async function contentOf(file: FileRef, size: number): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const piece of piecesOf(file, 1 << 20))
    filled += piece.copy(content, filled, 0, Math.min(piece.length, size - filled));
  return content.subarray(0, filled);
}

/**
 * Opens a file of a folder by its plain name.
 * @returns undefined for what is no plain name, no file, or a link
 */
function openBeside(directory: string, name: string): number | undefined {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name) || basename(name) !== name)
    return undefined;
  const path = join(directory, name);
  let file: number;
  try {
    // A link is not followed, and a pipe not waited for.
    if (lstatSync(path).isSymbolicLink()) return undefined;
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch {
    return undefined;
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  return undefined;
}

/** A file beside the model, by its path or opened. */
export type SourceOf = (location: string) => FileRef | undefined;

/** @throws LIMIT_EXCEEDED above `maxBytes` in all; ARTIFACT_INVALID when a file has become shorter */
export async function writePieces(
  pieces: readonly Piece[],
  sourceOf: SourceOf,
  to: string,
  maxBytes: number,
): Promise<void> {
  // A stretch of a file may be named by many tensors: the whole may be larger than all files together.
  if (pieces.reduce((sum, piece) => sum + piece.length, 0) > maxBytes)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The model is larger than ${Math.round(maxBytes / 1e6)} MB, with the files that its tensors are in.`,
      'Use a smaller model, or start the server with a higher MODELYARD_MAX_ARTIFACT_MB.',
    );
  const target = await open(to, 'wx', 0o600);
  try {
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      if ('location' in piece)
        for await (const chunk of stretchOf(piece, sourceOf)) await target.writeFile(chunk);
      else await target.writeFile(piece);
    }
  } finally {
    await target.close();
  }
}

async function* stretchOf({ location, offset, length }: Stretch, sourceOf: SourceOf): AsyncGenerator<Buffer> {
  const source = sourceOf(location);
  if (source === undefined) throw new Error(`the file of the tensors ${location} was not opened`);
  const reader = await placedReader(source);
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(length, 1 << 20));
    for (let done = 0; done < length; ) {
      const most = Math.min(buffer.length, length - done);
      const { bytesRead } = await reader.read(buffer, 0, most, offset + done);
      if (bytesRead === 0)
        throw unreadable(
          `the file ${JSON.stringify(location.slice(0, 100))} became shorter while it was read`,
        );
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  } finally {
    await reader.close();
  }
}

function unreadable(why: string): ModelYardError {
  return new ModelYardError(
    'ARTIFACT_INVALID',
    `The model cannot be read: ${why}.`,
    'Put the files that the exporter wrote into one folder, under the names that they had, or save the model in one file.',
  );
}
