import { closeSync, existsSync, fstatSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { ModelYardError, systemCodeOf } from '../../errors.ts';
import type { PredictionEntry } from '../../serving/prediction_sink.ts';

/**
 * A process's own append-only file of prediction entries, one JSON line each. Appending is one write to
 * the operating system: it costs microseconds and survives the death of the process. move_journals.ts
 * takes the lines to the database.
 */
export interface Journal {
  /**
   * Appends entries in one write.
   * @returns the bytes written.
   * @throws STORAGE_UNAVAILABLE
   */
  append(entries: readonly PredictionEntry[]): number;
  /** Closes the present file; the next entry begins another. */
  finish(): void;
  /** The files that were closed and may not have been moved yet. */
  finished(): string[];
  /** Whether nothing will be appended any more to the journal of that name. */
  isFinished(name: string): boolean;
}

export function journalDirectory(directory: string): string {
  return join(directory, 'journals');
}

/** A file that has grown so large is finished, so that what was moved can be deleted. */
const maxJournalBytes = 32 * 1024 * 1024;

export function openJournal(directory: string, maxBytes = maxJournalBytes): Journal {
  const folder = journalDirectory(directory);
  let open: { name: string; descriptor: number; bytes: number } | undefined;
  let finished: string[] = [];

  const begin = () => {
    mkdirSync(folder, { recursive: true });
    const name = journalName(thisHost, process.pid);
    open = { name, descriptor: openSync(join(folder, name), 'a', 0o600), bytes: 0 };
    return open;
  };

  const finish = () => {
    if (open === undefined) return;
    const { name, descriptor } = open;
    open = undefined;
    const empty = fstatSync(descriptor).size === 0;
    closeSync(descriptor);
    if (empty) unlinkSync(join(folder, name));
    else finished.push(name);
  };

  return {
    append(entries) {
      const lines = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      try {
        const file = open ?? begin();
        let written = 0;
        while (written < lines.length) written += writeSync(file.descriptor, lines, written);
        file.bytes += lines.length;
        if (file.bytes >= maxBytes) finish();
        return lines.length;
      } catch (error) {
        // Whatever was cut off stays the end of this file.
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
    finished() {
      finished = finished.filter((name) => existsSync(join(folder, name)));
      return finished;
    },
    isFinished: (name) => isAbandoned(name) || (isOfThisProcess(name) && name !== open?.name),
  };
}

/** The name says whose the journal is, so that others can tell when its writer is gone. */
function journalName(host: string, pid: number): string {
  return `${host}~${pid}~${uuidv7()}.jsonl`;
}

const thisHost = hostname().replace(/[^A-Za-z0-9-]/g, '_');
const namePattern = /^(.+)~(\d+)~[0-9a-f-]+\.jsonl$/;

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

/** A line of a journal, or undefined for one that is damaged or was cut off by a crash (its answer was never sent). */
export function parseEntry(line: string): PredictionEntry | undefined {
  try {
    const entry: PredictionEntry | null = JSON.parse(line);
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a line's JSON has what moving it needs: one that cannot be moved would hold up all after it. */
function isEntry(entry: PredictionEntry | null): entry is PredictionEntry {
  return (
    [entry?.modelId, entry?.version, entry?.route].every((text) => typeof text === 'string') &&
    [entry?.at, entry?.latencyMs].every(Number.isFinite) &&
    [entry?.predictionIds, entry?.values, entry?.probabilities].every(Array.isArray) &&
    [entry?.features, entry?.entityKey, entry?.error].every((value) => value !== undefined)
  );
}
