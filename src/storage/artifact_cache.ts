import { mkdir, readdir, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from './artifact.ts';
import { renameFile } from './rename_file.ts';

/**
 * The files that this machine keeps of artifacts that are elsewhere. Several processes may share the folder: a file is whole
 * under its name, its time says when it was last used, and whoever uses it renews that.
 */
export interface ArtifactCache {
  /** The path of a file, if it is there with the right size. Whoever reads it verifies the bytes. */
  find(artifact: Artifact): Promise<string | undefined>;
  /** Gives a whole file its place; others make room for it, those that were used least recently first. */
  put(file: string, artifact: Artifact): Promise<string>;
  /** While `use` runs, nobody removes the file. */
  whileUsed<T>(path: string, use: () => Promise<T>): Promise<T>;
  drop(artifact: Artifact): Promise<void>;
}

/** A file that was used so short a time ago may be open in some process, milliseconds. */
const sparedMs = 60_000;
const renewedMs = 15_000;

export function artifactCache(directory: string, maxBytes: number, clock = Date.now): ArtifactCache {
  const folder = join(directory, 'artifact_cache');
  const pathOf = (sha256: string) => join(folder, `${sha256}.onnx`);
  const renew = (path: string) => {
    const now = new Date(clock());
    return utimes(path, now, now).catch(() => undefined);
  };

  return {
    async find({ sha256, bytes }) {
      const path = pathOf(sha256);
      await renew(path);
      const found = await stat(path).catch(() => undefined);
      return found?.isFile() === true && found.size === bytes ? path : undefined;
    },

    async put(file, { sha256, bytes }) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await makeRoom(folder, maxBytes - bytes, clock() - sparedMs);
      const path = pathOf(sha256);
      await renew(file);
      await renameFile(file, path);
      return path;
    },

    async whileUsed(path, use) {
      const timer = setInterval(() => void renew(path), renewedMs).unref();
      try {
        return await use();
      } finally {
        clearInterval(timer);
      }
    },

    drop: ({ sha256 }) => unlink(pathOf(sha256)).catch(() => undefined),
  };
}

/** Removes files, least recently used first, until the rest is no more than that. */
async function makeRoom(folder: string, bytes: number, usedBefore: number): Promise<void> {
  const files: { path: string; bytes: number; usedAt: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) files.push({ path, bytes: found.size, usedAt: found.mtimeMs });
  }
  let total = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (total <= bytes || file.usedAt >= usedBefore) return;
    await unlink(file.path).catch(() => undefined);
    total -= file.bytes;
  }
}
