import { createHash } from 'node:crypto';
import { mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelYardError } from '../errors.ts';
import type { Artifact } from './artifact.ts';
import { ownedName } from './owned_name.ts';

export interface Incoming {
  content: AsyncIterable<Buffer>;
  maxBytes: number;
  signal?: AbortSignal | undefined;
}

/**
 * Copies bytes into a file of this process's own, streamed and hashed on the way, synced to disk, and hands it on when it is
 * whole. What is left of it afterwards is removed.
 * @throws LIMIT_EXCEEDED above the size limit, ARTIFACT_INVALID for no bytes, CANCELLED
 */
export async function takeIn<T>(
  directory: string,
  { content, maxBytes, signal }: Incoming,
  keep: (file: string, artifact: Artifact) => Promise<T>,
): Promise<T> {
  const incoming = join(directory, 'incoming', ownedName());
  await mkdir(dirname(incoming), { recursive: true, mode: 0o700 });
  try {
    const artifact = await copyHashed(content, incoming, maxBytes, signal);
    return await keep(incoming, artifact);
  } finally {
    await unlink(incoming).catch(() => undefined);
  }
}

async function copyHashed(
  content: AsyncIterable<Buffer>,
  to: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Artifact> {
  const hash = createHash('sha256');
  let bytes = 0;
  const target = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      requireNotCancelled(signal);
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await target.writeFile(chunk);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  if (bytes === 0)
    throw new ModelYardError('ARTIFACT_INVALID', 'The file is empty.', 'Name an ONNX model file.');
  return { sha256: hash.digest('hex'), bytes };
}

/** @throws CANCELLED */
export function requireNotCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new ModelYardError(
      'CANCELLED',
      'The call was cancelled.',
      'Nothing was registered: call again if it is wanted.',
    );
}

export function tooLarge(maxBytes: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The file is larger than ${Math.round(maxBytes / 1e6)} MB.`,
    'Use a smaller model, or start the server with a higher MODELYARD_MAX_ARTIFACT_MB.',
  );
}
