import { ModelYardError, systemCodeOf } from '../errors.ts';
import { sizeOf } from '../files/opened_file.ts';
import { type Artifact, contentOf, damagedArtifact, hashOfBytes, isMismatch } from './artifact.ts';
import type { ArtifactCache } from './artifact_cache.ts';
import type { Elsewhere, RemoteArtifactStore } from './artifact_store.ts';
import type { ObjectStore } from './object_store.ts';
import { ownPrefix } from './own_prefix.ts';
import { requireNotCancelled, takeIn, tooLarge } from './take_in.ts';

/** How often a download is taken up again where it broke off, as long as nothing more comes. */
const maxBreaks = 4;

const folder = 'artifacts/';

/** Artifacts in an object store; what this machine uses of them is kept in a bounded folder. */
export function remoteArtifacts({
  objects,
  cache,
  directory,
  maxBytes,
  storeId,
  elsewhere,
}: {
  objects: ObjectStore;
  cache: ArtifactCache;
  /** Where bytes that come in are put first. */
  directory: string;
  maxBytes: number;
  /** That of the database. */
  storeId: () => Promise<string | undefined>;
  elsewhere: Elsewhere;
}): RemoteArtifactStore {
  const keyOf = (sha256: string) => `${folder}${sha256}.onnx`;
  const fetching = new Map<string, Promise<string>>();
  const requireOwn = ownPrefix(objects, storeId);

  const missing = async (sha256: string) => (await elsewhere()) ?? damagedArtifact(sha256, true);

  /** Stores a file that was hashed. Under the hash there is all of it or nothing, since no part of an upload is ever seen. */
  const keep = async (file: string, artifact: Artifact, signal?: AbortSignal) => {
    await requireOwn();
    try {
      await objects.upload(keyOf(artifact.sha256), file, artifact.bytes, signal);
    } catch (error) {
      requireNotCancelled(signal);
      throw error;
    }
    await cache.put(file, artifact);
    return artifact;
  };

  /** The bytes from the first to the last, however often the connection breaks in between. */
  async function* read({ sha256, bytes }: Artifact): AsyncGenerator<Buffer> {
    let position = 0;
    for (let breaks = 0; ; ) {
      try {
        const found = await objects.read(keyOf(sha256), position);
        if (found === undefined) throw await missing(sha256);
        if (found.bytes !== bytes - position) throw damagedArtifact(sha256, false);
        for await (const chunk of found.content) {
          position += chunk.length;
          breaks = 0;
          yield chunk;
        }
        if (position === bytes) return;
        throw brokenOff(sha256, position);
      } catch (error) {
        const isOver = position === 0 || !(error instanceof ModelYardError) || isMismatch(error);
        if (isOver || breaks >= maxBreaks) throw error;
      }
      breaks++;
    }
  }

  const brokenOff = (sha256: string, position: number) =>
    new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `The artifact ${sha256.slice(0, 12)}… of ${objects.address} broke off after ${position} bytes.`,
      'Call again.',
    );

  async function fetchFile(artifact: Artifact): Promise<string> {
    const { sha256, bytes } = artifact;
    try {
      return await takeIn(
        directory,
        { content: read(artifact), maxBytes: bytes },
        async (incoming, received) => {
          if (received.sha256 !== sha256) throw damagedArtifact(sha256, false);
          return cache.put(incoming, artifact);
        },
      );
    } catch (error) {
      const code = error instanceof ModelYardError ? undefined : systemCodeOf(error);
      if (code === undefined) throw error;
      throw new ModelYardError(
        'STORAGE_UNAVAILABLE',
        `The artifact ${sha256.slice(0, 12)}… of ${objects.address} cannot be kept on this machine (${code}).`,
        'Make room in MODEL_REGISTRY_DIR, or look at its rights, then call again.',
        { cause: error },
      );
    }
  }

  /** Once for all that wait for it. */
  function fetched(artifact: Artifact): Promise<string> {
    const running = fetching.get(artifact.sha256);
    if (running !== undefined) return running;
    const run = fetchFile(artifact).finally(() => fetching.delete(artifact.sha256));
    fetching.set(artifact.sha256, run);
    return run;
  }

  return {
    read,
    isElsewhere: async () => (await elsewhere()) !== undefined,
    isFetching: (sha256) => fetching.has(sha256),
    sizeOf: (sha256) => objects.sizeOf(keyOf(sha256)),
    isPresent: async ({ sha256, bytes }) => (await objects.sizeOf(keyOf(sha256))) === bytes,

    async add(file, signal) {
      if ((await sizeOf(file)) > maxBytes) throw tooLarge(maxBytes);
      return takeIn(directory, { content: contentOf(file), maxBytes, signal }, (incoming, artifact) =>
        keep(incoming, artifact, signal),
      );
    },

    async receive(artifact, content) {
      await takeIn(directory, { content, maxBytes: artifact.bytes }, async (incoming, received) => {
        if (received.sha256 !== artifact.sha256) throw damagedArtifact(artifact.sha256, false);
        await keep(incoming, received);
      });
    },

    async withFile(artifact, use) {
      const known = await cache.find(artifact);
      if (known !== undefined)
        try {
          return await cache.whileUsed(known, () => use(known));
        } catch (error) {
          if (!isMismatch(error)) throw error;
          await cache.drop(artifact);
        }
      const path = await fetched(artifact);
      return cache.whileUsed(path, () => use(path));
    },

    async verify(artifact) {
      if ((await hashOfBytes(read(artifact))) !== artifact.sha256)
        throw damagedArtifact(artifact.sha256, false);
    },

    async discard(artifact) {
      await requireOwn();
      await objects.remove(keyOf(artifact.sha256));
      await cache.drop(artifact);
    },

    async *list() {
      for await (const { key, bytes, at } of objects.list(folder)) {
        const [, sha256] = /^artifacts\/([0-9a-f]{64})\.onnx$/.exec(key) ?? [];
        if (sha256 !== undefined) yield { sha256, bytes, at };
      }
    },

    remote: {
      address: objects.address,
      check: requireOwn,
      unfinished: () => objects.unfinished(folder),
      async abandon(upload) {
        await requireOwn();
        await objects.abandon(upload);
      },
    },

    close: objects.close,
  };
}
