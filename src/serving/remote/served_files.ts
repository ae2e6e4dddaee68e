import { builtFile } from '../../built_file.ts';
import type { Artifact } from '../../storage/artifact.ts';
import type { ArtifactStore } from '../../storage/artifact_store.ts';
import { openThreads } from '../../threads/index.ts';
import type { NamedDimensions } from '../engine/protocol.ts';

/** A model as an engine gets it: the graph that is served here too, and the tensors beside it. */
export interface ServedFiles {
  files: { name: string; bytes: Uint8Array }[];
  /** What the graph calls the dimensions of its inputs. */
  dimensions: NamedDimensions[];
}

export type ServedFilesTasks = {
  read: { input: { path: string; sha256: string; withBytes: boolean }; output: ServedFiles };
};

/** One at a time, and ended after each, since a model takes much memory. */
const threads = openThreads<ServedFilesTasks>(builtFile('served_files_thread.js'), { idleMs: 0 });

/**
 * Reads and verifies an artifact, and derives what is served of it.
 * @param withBytes whether the files are wanted, or only what the graph says
 * @throws ARTIFACT_MISMATCH, STORAGE_UNAVAILABLE, CANCELLED
 */
export function servedFilesOf(
  withFile: ArtifactStore['withFile'],
  artifact: Artifact,
  { withBytes, signal }: { withBytes: boolean; signal: AbortSignal },
): Promise<ServedFiles> {
  return withFile(artifact, (path) =>
    threads.run('read', { path, sha256: artifact.sha256, withBytes }, { signal }),
  );
}
