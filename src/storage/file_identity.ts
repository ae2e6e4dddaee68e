import { type BigIntStats, openSync, readSync, statSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { ModelYardError } from '../errors.ts';

/**
 * Whether a SQLite file is still the one that was opened. SQLite itself does not notice: it goes on writing to a file
 * that was deleted or moved away, and reports success.
 */
export interface FileIdentity {
  /** Called when a handle has just opened the file. */
  opened(): void;
  /** What has happened to the file, in words that follow its name; undefined while all is well. */
  fault(): string | undefined;
  /** @throws STORAGE_UNAVAILABLE while there is a fault */
  require(): void;
}

export function fileIdentity(file: string): FileIdentity {
  const known = new Map<string, BigIntStats>();
  let largest = 0n;
  let header: number | undefined;
  let mark = 0;

  const fault = () => {
    if (largest === 0n) return undefined;
    for (const { ending, lost, replaced } of parts) {
      const now = statOf(`${file}${ending}`);
      const before = known.get(ending);
      if (before === undefined) {
        // SQLite creates it at its first read, and keeps it as long as anybody has the database open.
        if (now !== undefined) known.set(ending, now);
      } else if (now === undefined) return lost;
      else if (now.ino !== before.ino || now.dev !== before.dev) return replaced;
    }
    const { size } = statOf(file) ?? { size: 0n };
    const content = header === undefined ? undefined : readHeader(header);
    if (size < smallest) return truncated;
    if (content !== undefined) {
      if (!content.isSqlite || (mark !== 0 && content.mark !== mark)) return 'was written over';
      mark = content.mark;
      // VACUUM makes a file smaller too, and records that in the header.
      if (size < largest && size < content.bytes) return truncated;
    }
    largest = size;
    return undefined;
  };

  return {
    opened() {
      const now = statOf(file);
      if (now === undefined || known.has('')) return;
      known.set('', now);
      largest = now.size > 0n ? now.size : 1n;
      header = heldOpen(file, now);
    },
    fault,
    require() {
      const found = fault();
      if (found === undefined) return;
      throw new ModelYardError(
        'STORAGE_UNAVAILABLE',
        `The database ${file} ${found} while this server has it open. What is written now would be lost, so nothing is changed; a change that was under way may not have been kept.`,
        'Put the file back where it was: the server goes on by itself. If that cannot be done, end all servers of this store and restore a backup into a new directory.',
      );
    },
  };
}

const truncated = 'was truncated';
/** The smallest page size of SQLite, bytes. */
const smallest = 512n;

const parts = [
  { ending: '', lost: 'is gone (deleted, or moved away)', replaced: 'was replaced by another file' },
  {
    ending: '-wal',
    lost: 'has lost its write-ahead log (-wal)',
    replaced: 'was given another write-ahead log (-wal)',
  },
  { ending: '-shm', lost: 'has lost its index (-shm)', replaced: 'was given another index (-shm)' },
];

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/**
 * Descriptors that are never closed, one a file: closing one would release the locks that SQLite holds on the file in
 * this process. A thread's descriptors are closed when it ends, so only the main thread has them.
 */
const held = new Map<string, number>();

function heldOpen(file: string, { dev, ino }: BigIntStats): number | undefined {
  if (!isMainThread) return undefined;
  const key = `${dev}:${ino}`;
  const descriptor = held.get(key) ?? openSync(file, 'r');
  held.set(key, descriptor);
  return descriptor;
}

/** Reads the header: https://www.sqlite.org/fileformat.html#the_database_header */
function readHeader(descriptor: number): { isSqlite: boolean; mark: number; bytes: bigint } {
  const header = Buffer.alloc(100);
  readSync(descriptor, header, 0, header.length, 0);
  const pageBytes = header.readUInt16BE(16);
  return {
    isSqlite: header.toString('latin1', 0, 16) === 'SQLite format 3\0',
    // The application id; see joinStore.
    mark: header.readUInt32BE(68),
    bytes: BigInt(pageBytes === 1 ? 65_536 : pageBytes) * BigInt(header.readUInt32BE(28)),
  };
}
