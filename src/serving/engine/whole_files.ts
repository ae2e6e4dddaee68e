import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { builtFile } from '../../built_file.ts';
import type { OpenedFile } from '../../files/file_access.ts';
import type { WholeFile } from '../../registry/model_inspector.ts';
import { ownedName } from '../../storage/owned_name.ts';
import { openThreads } from '../../threads/index.ts';
import { mayNameOtherFiles } from '../graph/whole_file.ts';

export type WholeFileTasks = {
  write: {
    /** The model's descriptor, and the folder that it is in. */
    input: { file: number; folder: string; to: string; maxBytes: number };
    output: boolean;
  };
};

/** Ended after each task, since a large graph takes much memory. */
const threads = openThreads<WholeFileTasks>(builtFile('whole_file_thread.js'), {
  idleMs: 0,
});

/**
 * A model as one file: itself, or where its tensors are in files beside it, a new one in `directory` with all of them.
 * @throws ARTIFACT_INVALID, LIMIT_EXCEEDED, PATH_NOT_ALLOWED, CANCELLED
 */
export async function wholeFileOf(
  { fd, holdFolder }: Pick<OpenedFile, 'fd' | 'holdFolder'>,
  { directory, maxBytes }: { directory: string; maxBytes: number },
  signal?: AbortSignal,
): Promise<WholeFile> {
  const itself = { file: fd, remove: async () => undefined };
  if (!(await mayNameOtherFiles(fd))) return itself;
  const to = join(directory, ownedName());
  const remove = () => rm(to, { force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const folder = await holdFolder();
  try {
    const written = await threads.run('write', { file: fd, folder: folder.path, to, maxBytes }, { signal });
    await folder.check();
    return written ? { file: to, remove } : itself;
  } catch (error) {
    await remove();
    throw error;
  } finally {
    await folder.close();
  }
}
