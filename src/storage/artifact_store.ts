import { createHash } from 'node:crypto';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelYardError } from '../errors.ts';
import { type FileRef, piecesOf, sizeOf } from '../files/opened_file.ts';
import { ownedName } from './owned_name.ts';
import { renameFile } from './rename_file.ts';
import { syncDirectory } from './sync_directory.ts';

/** An immutable file in the store, identified by the SHA-256 of its bytes. */
export interface Artifact {
  sha256: string;
  bytes: number;
}

export interface ArtifactStore {
  /**
   * Copies a file in: streamed, hashed on the way, synced to disk and renamed to its hash, so that a file
   * under its final name is always whole. Bytes that are there already are kept.
   * @throws LIMIT_EXCEEDED above the size limit, ARTIFACT_INVALID for an empty file, CANCELLED.
   */
  add(file: FileRef, signal?: AbortSignal): Promise<Artifact>;
  /**
   * Stores the bytes of a known artifact, as `add` stores a file's.
   *
   * @throws ARTIFACT_MISMATCH when they are not the artifact's; nothing is kept then
   */
  receive(artifact: Artifact, content: AsyncIterable<Buffer>): Promise<void>;
  /** Absolute path of an artifact. Whoever loads it verifies the bytes. */
  pathOf(sha256: string): string;
  /**
   * Re-hashes a stored artifact.
   * @throws ARTIFACT_MISMATCH when it is missing or its bytes changed.
   */
  verify(artifact: Artifact): Promise<void>;
  /** Removes an artifact that nothing refers to. */
  discard(artifact: Artifact): Promise<void>;
  /** Every stored artifact, with the time when its file was made, milliseconds since 1970. */
  list(): AsyncIterable<Artifact & { at: number }>;
  /** Whether the file exists with the right size, without reading it. */
  isPresent(artifact: Artifact): Promise<boolean>;
}

export function artifactStore(directory: string, maxBytes: number): ArtifactStore {
  const pathOf = (sha256: string) =>
    join(directory, 'artifacts', sha256.slice(0, 2), `${sha256.slice(2)}.onnx`);

  const isPresent = async (artifact: Artifact) => {
    const found = await stat(pathOf(artifact.sha256)).catch(() => undefined);
    return found?.isFile() === true && found.size === artifact.bytes;
  };

  /** Writes an incoming file and, when it is whole, gives it the name of its hash. */
  const takeIn = async (copy: (incoming: string) => Promise<Artifact>) => {
    const incoming = join(directory, 'incoming', ownedName());
    await mkdir(dirname(incoming), { recursive: true, mode: 0o700 });
    try {
      const artifact = await copy(incoming);
      const final = pathOf(artifact.sha256);
      // A stored file that was damaged is replaced by these good bytes; the rename is atomic.
      await mkdir(dirname(final), { recursive: true, mode: 0o700 });
      await renameFile(incoming, final);
      await syncDirectory(dirname(final));
      return artifact;
    } finally {
      await unlink(incoming).catch(() => undefined);
    }
  };

  return {
    pathOf,
    isPresent,

    async add(file, signal) {
      // Refused at once where the size is known; a file that grows meanwhile is refused while it is copied.
      if ((await sizeOf(file)) > maxBytes) throw tooLarge(maxBytes);
      return takeIn((incoming) => copyHashed(contentOf(file), incoming, maxBytes, signal));
    },

    async receive(artifact, content) {
      await takeIn(async (incoming) => {
        const received = await copyHashed(content, incoming, artifact.bytes);
        if (received.sha256 === artifact.sha256) return received;
        throw damagedArtifact(artifact.sha256, false);
      });
    },

    async *list() {
      const folder = join(directory, 'artifacts');
      for (const name of await readdir(folder).catch(() => []))
        for (const file of await readdir(join(folder, name)).catch(() => [])) {
          const sha256 = `${name}${file.replace(/\.onnx$/, '')}`;
          const found = await stat(pathOf(sha256)).catch(() => undefined);
          if (found?.isFile()) yield { sha256, bytes: found.size, at: found.mtimeMs };
        }
    },

    discard: (artifact) => unlink(pathOf(artifact.sha256)).catch(() => undefined),

    async verify(artifact) {
      const sha256 = await hashOf(pathOf(artifact.sha256)).catch(() => undefined);
      if (sha256 !== artifact.sha256) throw damagedArtifact(artifact.sha256, sha256 === undefined);
    },
  };
}

function tooLarge(maxBytes: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The file is larger than ${Math.round(maxBytes / 1e6)} MB.`,
    'Use a smaller model, or start the server with a higher MODELYARD_MAX_ARTIFACT_MB.',
  );
}

export function damagedArtifact(sha256: string, missing: boolean): ModelYardError {
  return new ModelYardError(
    'ARTIFACT_MISMATCH',
    `The stored artifact ${sha256.slice(0, 12)}… is ${missing ? 'missing or unreadable' : 'damaged: its bytes no longer have that SHA-256'}.`,
    `Register the same file again (any model and version) to put the good bytes back; it is not served until then.${missing ? ' Where machines share a PostgreSQL database, they also need a MODEL_REGISTRY_DIR that all of them see.' : ''}`,
  );
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
      if (signal?.aborted)
        throw new ModelYardError(
          'CANCELLED',
          'The call was cancelled.',
          'Nothing was registered: call again if it is wanted.',
        );
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

/** The SHA-256 of a file's bytes, in hexadecimal; read in pieces, so that other calls are not held up. */
export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of contentOf(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** In large pieces, since artifacts are large. */
const contentOf = (file: FileRef) => piecesOf(file, 1 << 20);
