import { type FileHandle, link, lstat, open, readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import { renameFile } from './rename_file.ts';
import { syncDirectory } from './sync_directory.ts';
import { noteUnfinished } from './unfinished_notes.ts';

/** A file that appears complete or not at all: it is written under a temporary name in the same directory. */
export interface OutputFile {
  handle: FileHandle;
  /**
   * Makes what was written durable and gives it its name.
   * @throws INVALID_INPUT when something of that name has appeared meanwhile, unless it may be replaced
   */
  commit(): Promise<void>;
  /** Removes what was written; harmless after commit. */
  discard(): Promise<void>;
}

export interface OutputOptions {
  replace?: boolean;
  /** Throws when the directory is no longer where it may be written to. */
  check?: () => Promise<void>;
  /** The store's, whose next start removes what a killed process leaves of it. */
  directory?: string;
}

/** An unfinished file that was not changed for this long has no owner any more, milliseconds. */
const abandonedAfterMs = 3_600_000;

const thisHost = hostname().replace(/[^A-Za-z0-9-]/g, '_');
/** The names of this process's unfinished files. */
const unfinished = new Set<string>();

/**
 * Begins a file that is to be called `path`, and removes what a killed process left of an earlier attempt at it.
 * @param path of a name in an existing directory, free unless `replace` is set
 * @param shownPath as the caller named it, for errors
 */
export async function createOutputFile(
  path: string,
  shownPath: string,
  { replace = false, check, directory }: OutputOptions = {},
): Promise<OutputFile> {
  await removeAbandoned(path);
  const temporary = `${prefixOf(path)}${thisHost}~${process.pid}~${uuidv7()}`;
  // Before the file is there: whenever the process is killed, the next start finds it.
  const forget = directory === undefined ? undefined : await noteUnfinished(directory, temporary);
  const handle = await open(temporary, 'wx', 0o666).catch(async (error: unknown) => {
    await forget?.();
    throw notWritable(shownPath, error);
  });
  unfinished.add(basename(temporary));
  let isOpen = true;
  const close = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  const discard = async () => {
    await close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
    unfinished.delete(basename(temporary));
    await forget?.();
  };
  await check?.().catch(async (error: unknown) => {
    await discard();
    throw error;
  });
  return {
    handle,
    async commit() {
      try {
        await handle.sync();
        await close();
        await check?.();
        await (replace ? renameFile(temporary, path) : renameToFree(temporary, path));
        await syncDirectory(dirname(path));
      } catch (error) {
        if (systemCodeOf(error) !== 'EEXIST') throw notWritable(shownPath, error);
        throw new ModelYardError(
          'INVALID_INPUT',
          `${shownPath} has come into being meanwhile; it was left as it is.`,
          'Name another file.',
        );
      }
      unfinished.delete(basename(temporary));
    },
    discard,
  };
}

/** Unlike rename, it never replaces a file of that name. */
async function renameToFree(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') throw error;
    // A file system without hard links: another file may appear between the check and the rename.
    const isTaken = await lstat(path).then(
      () => true,
      () => false,
    );
    if (isTaken) throw Object.assign(new Error('taken'), { code: 'EEXIST' });
    return renameFile(temporary, path);
  }
  await unlink(temporary);
}

/** Unfinished files are called `.NAME.modelyard-partial~HOST~PID~ID`. */
function prefixOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.modelyard-partial~`);
}

async function removeAbandoned(path: string): Promise<void> {
  const directory = dirname(path);
  const prefix = basename(prefixOf(path));
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const file = join(directory, name);
    const [host, pid] = name.slice(prefix.length).split('~');
    if (!unfinished.has(name) && (await isAbandoned(file, host, Number(pid))))
      await unlink(file).catch(() => undefined);
  }
}

async function isAbandoned(file: string, host: string | undefined, pid: number): Promise<boolean> {
  if (host === thisHost && (pid === process.pid || !isRunning(pid))) return true;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > abandonedAfterMs;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) !== 'ESRCH';
  }
}

/** Whether an error is of the operating system, not of what is being written. */
export function notWritable(shownPath: string, error: unknown): unknown {
  const code = systemCodeOf(error);
  if (error instanceof ModelYardError || code === undefined) return error;
  if (['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'].includes(code))
    return new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `${shownPath} could not be written (${code}).`,
      'Free space, or name another file, then try again.',
      { cause: error },
    );
  return new ModelYardError(
    'INVALID_INPUT',
    `${shownPath} cannot be written (${code}).`,
    'Check the permissions of its directory, or name another file.',
    { cause: error },
  );
}
