import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ownedName } from '../storage/owned_name.ts';

/** A file of this machine for the time of a call; the next start of a server removes what a killed process leaves. */
export interface ScratchFile {
  handle: FileHandle;
  /** Closes and removes it; harmless when that was done. */
  close(): Promise<void>;
}

/** @param directory the registry's */
export async function openScratchFile(directory: string): Promise<ScratchFile> {
  const folder = join(directory, 'incoming');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, ownedName());
  const handle = await open(path, 'wx+', 0o600);
  let closing: Promise<void> | undefined;
  const close = async () => {
    await handle.close();
    await unlink(path).catch(() => undefined);
  };
  return {
    handle,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
