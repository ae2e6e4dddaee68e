import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelYardError } from '../errors.ts';
import { type FileRef, sizeOf } from '../files/opened_file.ts';
import { type Artifact, contentOf, damagedArtifact, hashOf, isMismatch } from './artifact.ts';
import type { UnfinishedUpload } from './object_store.ts';
import { renameFile } from './rename_file.ts';
import { syncDirectory } from './sync_directory.ts';
import { takeIn, tooLarge } from './take_in.ts';

/** What both kinds of store do. */
interface StoredArtifacts {
  /**
   * Copies a file in: streamed and hashed on the way. What is in the store under its hash is always whole. Bytes that are
   * there already are replaced by the same ones, which mends damage.
   * @throws LIMIT_EXCEEDED above the size limit, ARTIFACT_INVALID for an empty file, CANCELLED; STORAGE_UNAVAILABLE
   */
  add(file: FileRef, signal?: AbortSignal): Promise<Artifact>;
  /**
   * Stores the bytes of a known artifact, as `add` stores a file's.
   *
   * @throws ARTIFACT_MISMATCH when they are not the artifact's; nothing is kept then
   */
  receive(artifact: Artifact, content: AsyncIterable<Buffer>): Promise<void>;
  /**
   * Gives an artifact as a file of this machine, for as long as `use` runs. Whoever reads it verifies the bytes, and throws
   * ARTIFACT_MISMATCH where they are wrong: if the file was a copy, `use` is then called once more with a new one.
   * @throws STORAGE_UNAVAILABLE when it cannot be reached from here, and what `use` throws
   */
  withFile<T>(artifact: Artifact, use: (path: string) => Promise<T>): Promise<T>;
  /** Whether `withFile` waits for the bytes of an artifact, which are on their way. */
  isFetching(sha256: string): boolean;
  /**
   * The bytes as they are stored, unverified.
   * @throws ARTIFACT_MISMATCH when they are missing, cannot be read or are more or fewer
   */
  read(artifact: Artifact): AsyncIterable<Buffer>;
  /**
   * Re-hashes a stored artifact.
   * @throws ARTIFACT_MISMATCH when it is missing or its bytes changed; STORAGE_UNAVAILABLE
   */
  verify(artifact: Artifact): Promise<void>;
  /** Removes an artifact that nothing refers to. */
  discard(artifact: Artifact): Promise<void>;
  /** Every stored artifact, with the time when it was stored, milliseconds since 1970. */
  list(): AsyncIterable<Artifact & { at: number }>;
  /** How many bytes it has there; undefined where it is missing. */
  sizeOf(sha256: string): Promise<number | undefined>;
  /** Whether it is there with the right size, without reading it. */
  isPresent(artifact: Artifact): Promise<boolean>;
  /** Whether an artifact that is not there may be where another machine of the store keeps them. */
  isElsewhere(): Promise<boolean>;
  close(): void;
}

/** Artifacts in a folder of this machine, or in an object store. */
export type ArtifactStore = LocalArtifactStore | RemoteArtifactStore;

export interface RemoteStore {
  /** `s3://bucket/prefix` */
  address: string;
  /** @throws STORAGE_UNAVAILABLE when it cannot be used: it does not answer, refuses this server or is another store's */
  check(): Promise<void>;
  /** Uploads in parts that were begun and not ended: nobody sees them, and they take up space. */
  unfinished(): AsyncIterable<UnfinishedUpload>;
  abandon(upload: UnfinishedUpload): Promise<void>;
}

export interface RemoteArtifactStore extends StoredArtifacts {
  remote: RemoteStore;
}

export interface LocalArtifactStore extends StoredArtifacts {
  remote: undefined;
  /** Absolute path of an artifact. */
  pathOf(sha256: string): string;
}

/** Says why an artifact that is not there may be elsewhere; undefined where it ought to be there. */
export type Elsewhere = () => Promise<ModelYardError | undefined>;

export function artifactStore(
  directory: string,
  maxBytes: number,
  elsewhere: Elsewhere = async () => undefined,
): LocalArtifactStore {
  const pathOf = (sha256: string) =>
    join(directory, 'artifacts', sha256.slice(0, 2), `${sha256.slice(2)}.onnx`);

  const bytesOf = async (sha256: string) => {
    const found = await stat(pathOf(sha256)).catch(() => undefined);
    return found?.isFile() === true ? found.size : undefined;
  };

  /** Gives a whole file the name of its hash. */
  const keep = async (incoming: string, artifact: Artifact) => {
    const final = pathOf(artifact.sha256);
    // A stored file that was damaged is replaced by these good bytes; the rename is atomic.
    await mkdir(dirname(final), { recursive: true, mode: 0o700 });
    await renameFile(incoming, final);
    await syncDirectory(dirname(final));
    return artifact;
  };

  /** One that is damaged is that on every machine; one that is not here may be on another. */
  const explained = async (error: unknown, { sha256 }: Artifact): Promise<unknown> => {
    if (!isMismatch(error) || (await bytesOf(sha256)) !== undefined) return error;
    return (await elsewhere()) ?? error;
  };

  return {
    pathOf,
    remote: undefined,
    isFetching: () => false,
    isElsewhere: async () => (await elsewhere()) !== undefined,
    sizeOf: bytesOf,
    isPresent: async ({ sha256, bytes }) => (await bytesOf(sha256)) === bytes,

    async add(file, signal) {
      // Refused at once where the size is known; a file that grows meanwhile is refused while it is copied.
      if ((await sizeOf(file)) > maxBytes) throw tooLarge(maxBytes);
      return takeIn(directory, { content: contentOf(file), maxBytes, signal }, keep);
    },

    async receive(artifact, content) {
      await takeIn(directory, { content, maxBytes: artifact.bytes }, async (incoming, received) => {
        if (received.sha256 !== artifact.sha256) throw damagedArtifact(artifact.sha256, false);
        await keep(incoming, received);
      });
    },

    async withFile(artifact, use) {
      try {
        return await use(pathOf(artifact.sha256));
      } catch (error) {
        throw await explained(error, artifact);
      }
    },

    async *read({ sha256, bytes }) {
      if ((await bytesOf(sha256)) !== bytes)
        throw await explained(damagedArtifact(sha256, (await bytesOf(sha256)) === undefined), {
          sha256,
          bytes,
        });
      try {
        yield* contentOf(pathOf(sha256));
      } catch (error) {
        throw Object.assign(damagedArtifact(sha256, true), { cause: error });
      }
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
      if (sha256 !== artifact.sha256)
        throw await explained(damagedArtifact(artifact.sha256, sha256 === undefined), artifact);
    },

    close: () => undefined,
  };
}
