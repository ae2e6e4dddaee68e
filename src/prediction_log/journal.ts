import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import { isPlainObject } from '../plain_object.ts';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import { storeIdOf } from '../storage/store_identity.ts';
import { journalDirectory } from './journal_directory.ts';
import { openReserve } from './reserve.ts';

/**
 * A process's own append-only file of prediction entries, one JSON line each. Appending is one write to
 * the operating system: it costs microseconds and survives the death of the process. move_journals.ts
 * takes the lines to the database.
 */
export interface Journal {
  /**
   * Appends entries in one write, each as a line of JSON.
   * @returns the bytes written.
   * @throws STORAGE_UNAVAILABLE
   */
  append(lines: readonly string[]): number;
  /** Closes the present file; the next entry begins another. */
  finish(): void;
  /** Closes it for good and releases the reserved disk space. */
  close(): void;
  /** The files that were closed and may not have been moved yet. */
  finished(): string[];
  /** Whether nothing will be appended any more to the journal of that name. */
  isFinished(name: string): boolean;
}

/** A file that reaches this size is finished, so that it can be deleted once it is moved. */
export const maxJournalBytes = 32 * 1024 * 1024;

interface OpenFile {
  name: string;
  descriptor: number;
  /** Position of the next line; in a file that was the reserve, zeros follow. */
  bytes: number;
}

/** How seldom it is looked whether the file is still there, milliseconds: a look costs as much as a write. */
const lookEveryMs = 5;

export function openJournal(directory: string): Journal {
  const folder = journalDirectory(directory);
  const reserve = openReserve(folder);
  let open: OpenFile | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let finished: string[] = [];

  /** Whether the open file was deleted, as far as it is known: what is written to it would be lost with the process. */
  const isDeleted = (file: OpenFile) => {
    const now = performance.now();
    if (now - lookedAt < lookEveryMs) return false;
    lookedAt = now;
    return fstatSync(file.descriptor).nlink === 0;
  };

  const begin = (): OpenFile => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const name = journalName(thisHost, process.pid);
    open = { name, descriptor: openSync(join(folder, name), 'a', 0o600), bytes: 0 };
    return open;
  };

  /** Begins a journal in the reserved disk space. */
  const beginInReserve = (): OpenFile | undefined => {
    const name = journalName(thisHost, process.pid);
    const descriptor = reserve.take(join(folder, name));
    if (descriptor === undefined) return undefined;
    open = { name, descriptor, bytes: 0 };
    return open;
  };

  const finish = () => {
    if (open === undefined) return;
    const { name, descriptor, bytes } = open;
    open = undefined;
    const { size } = fstatSync(descriptor);
    // Releases what is left of the reserve.
    if (bytes > 0 && size > bytes) ftruncateSync(descriptor, bytes);
    closeSync(descriptor);
    if (bytes === 0) unlinkSync(join(folder, name));
    else finished.push(name);
  };

  /** Writes lines into one file. @returns how many bytes of whole lines are in it; the error, when that is not all */
  const write = (file: OpenFile, lines: Buffer): { kept: number; error: unknown } => {
    let written = 0;
    try {
      while (written < lines.length)
        written += writeSync(file.descriptor, lines, written, lines.length - written, file.bytes + written);
      file.bytes += written;
      return { kept: written, error: undefined };
    } catch (error) {
      // A line that was cut off stays unread at the end of its file.
      file.bytes += written;
      return { kept: lines.subarray(0, written).lastIndexOf(10) + 1, error };
    }
  };

  const writeBegun = (lines: Buffer) => {
    try {
      return write(open ?? begin(), lines);
    } catch (error) {
      return { kept: 0, error };
    }
  };

  return {
    append(given) {
      const lines = Buffer.from(`${given.join('\n')}\n`);
      try {
        if (open !== undefined && isDeleted(open)) {
          closeSync(open.descriptor);
          open = undefined;
          if (storeIdOf(directory) === undefined) throw new Error(`${directory} is gone`);
        }
        const { kept, error } = writeBegun(lines);
        if (error !== undefined) {
          finish();
          const spare = isFull(error) ? beginInReserve() : undefined;
          if (spare === undefined) throw error;
          const rest = write(spare, lines.subarray(kept));
          if (rest.error !== undefined) throw rest.error;
        }
        if (open !== undefined && open.bytes >= maxJournalBytes) finish();
        reserve.prepare();
        return lines.length;
      } catch (error) {
        finish();
        throw new ModelYardError(
          'STORAGE_UNAVAILABLE',
          `The prediction was made but could not be logged (${systemCodeOf(error) ?? 'write failed'}), so it is not answered.`,
          'Check that the disk of MODEL_REGISTRY_DIR is writable and not full, then call again.',
          { cause: error },
        );
      }
    },
    finish,
    close() {
      finish();
      reserve.remove();
    },
    finished() {
      finished = finished.filter((name) => existsSync(join(folder, name)));
      return finished;
    },
    isFinished: (name) => isAbandoned(name) || (isOfThisProcess(name) && name !== open?.name),
  };
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(error) ?? '');
}

/** The name tells the writer's machine and process, so that others can see when it has ended. */
function journalName(host: string, pid: number): string {
  return `${host}~${pid}~${uuidv7()}.jsonl`;
}

/** A segment's file has a name of the same form, and is finished when it is there; while it is written it has a suffix. */
export function newSegmentName(): string {
  return `${thisHost}~${process.pid}~${uuidv7()}.segment`;
}
export const unfinishedSuffix = '.part';

export function isSegmentFile(name: string): boolean {
  return isJournal(name) && name.endsWith('.segment');
}

/** Whether a file is what a process that has ended had written of a segment. */
export function isLeftover(name: string): boolean {
  return name.endsWith(unfinishedSuffix) && isAbandoned(name.slice(0, -unfinishedSuffix.length));
}

const thisHost = hostname().replace(/[^A-Za-z0-9-]/g, '_');
const namePattern = /^(.+)~(\d+)~[0-9a-f-]+\.(?:jsonl|segment)$/;

export function isJournal(name: string): boolean {
  return namePattern.test(name);
}

function isOfThisProcess(name: string): boolean {
  const [, host, pid] = namePattern.exec(name) ?? [];
  return host === thisHost && Number(pid) === process.pid;
}

/** Whether a journal's writer has ended for certain: it ran on this machine and its process is gone. */
export function isAbandoned(name: string): boolean {
  const [, host, pid] = namePattern.exec(name) ?? [];
  if (host !== thisHost) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return systemCodeOf(error) === 'ESRCH';
  }
}

/** An entry as a line of a journal. */
export function journalLine(entry: PredictionEntry): string {
  return JSON.stringify(entry);
}

/** A line of a journal, or undefined for one that is damaged or was cut off by a crash (its answer was never sent). */
export function parseEntry(line: string): PredictionEntry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a line's JSON has what moving it needs: one that cannot be moved would hold up all after it. */
function isEntry(entry: unknown): entry is PredictionEntry {
  if (!isPlainObject(entry)) return false;
  const { predictionIds, values, probabilities, features, error, latencyMs } = entry;
  const texts = [entry.modelId, entry.version, entry.route];
  const lists = [predictionIds, values, probabilities];
  const optionalLists = [entry.entityKeys, entry.outcomes, entry.digests];
  return (
    texts.every((text) => typeof text === 'string') &&
    [entry.at, latencyMs === null ? 0 : latencyMs].every(Number.isFinite) &&
    lists.every(Array.isArray) &&
    optionalLists.every((list) => list === undefined || Array.isArray(list)) &&
    (features === null || (Array.isArray(features) && features.every(isFeature))) &&
    (entry.entityKey === null || typeof entry.entityKey === 'string') &&
    (entry.traceId === undefined || typeof entry.traceId === 'string') &&
    (error === null || (isPlainObject(error) && typeof error.code === 'string'))
  );
}

function isFeature(given: unknown): boolean {
  return Array.isArray(given) && typeof given[0] === 'string' && Array.isArray(given[1]);
}
