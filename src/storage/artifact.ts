import { createHash } from 'node:crypto';
import { ModelYardError } from '../errors.ts';
import { type FileRef, piecesOf } from '../files/opened_file.ts';

/** An immutable file in the store, identified by the SHA-256 of its bytes. */
export interface Artifact {
  sha256: string;
  bytes: number;
}

export function damagedArtifact(sha256: string, missing: boolean): ModelYardError {
  return new ModelYardError(
    'ARTIFACT_MISMATCH',
    `The stored artifact ${sha256.slice(0, 12)}… is ${missing ? 'missing or unreadable' : 'damaged: its bytes no longer have that SHA-256'}.`,
    'Register the same file again (any model and version) to put the good bytes back; it is not served until then.',
  );
}

export function isMismatch(error: unknown): boolean {
  return error instanceof ModelYardError && error.code === 'ARTIFACT_MISMATCH';
}

/** A file's bytes in large pieces, since artifacts are large. */
export const contentOf = (file: FileRef) => piecesOf(file, 1 << 20);

/** The SHA-256 of a file's bytes, in hexadecimal; read in pieces, so that other calls are not held up. */
export function hashOf(file: string): Promise<string> {
  return hashOfBytes(contentOf(file));
}

export async function hashOfBytes(content: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}
