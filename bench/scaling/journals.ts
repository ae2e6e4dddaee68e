import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageDirectory } from '../../src/package_info.ts';
import { logModel, logVersions } from './machines.ts';
import { between, type Postgres, watched } from './postgres.ts';
import { figure, table } from './table.ts';

const writer = join(packageDirectory, 'dist', 'bench', 'scaling_writer.js');
const dayMs = 86_400_000;
/** A day of the log has so many rows. */
const rowsADay = 1_000_000;

/** The rows from, from + step, … below `to`, of which row i is of the moment start + i × stepMs. */
export interface WriterTask {
  directory: string;
  databaseUrl: string;
  modelId: string;
  version: string;
  from: number;
  to: number;
  step: number;
  start: number;
  stepMs: number;
}

const seconds = z.object({ clock: z.number(), processor: z.number() });
const written = z.object({
  rows: z.number(),
  /** Of the journal. */
  bytes: z.number(),
  append: seconds,
  move: seconds,
  merge: seconds,
});
export type Written = z.output<typeof written>;

interface Phase {
  processes: number;
  /** Whether all write to one version, as servers of one model do. */
  isShared: boolean;
  rows: number;
}

/** How `rows` are written: twentieths by one to four processes, the rest as fast as two can. */
export function phasesOf(rows: number): Phase[] {
  const part = Math.floor(rows / 20);
  const tried = [
    ...[1, 2, 3, 4].map((processes) => ({ processes, isShared: true, rows: part })),
    ...[2, 4].map((processes) => ({ processes, isShared: false, rows: part })),
  ];
  const rest = rows - part * tried.length;
  const fills = Math.max(1, Math.ceil(rest / rowsADay));
  return [
    ...tried,
    ...Array.from({ length: fills }, (_, index) => ({
      processes: 2,
      isShared: true,
      rows: Math.floor(((index + 1) * rest) / fills) - Math.floor((index * rest) / fills),
    })),
  ];
}

/** Fills the log with rows of as many days as there are millions, the last of which is the one that ends now. */
export async function journalsTable(
  postgres: Postgres,
  databaseUrl: string,
  scratch: string,
  rows: number,
): Promise<string> {
  const days = Math.max(1, Math.round(rows / rowsADay));
  const start = Date.now() - days * dayMs;
  const lines: Record<string, string | number>[] = [];
  let from = 0;
  for (const { processes, isShared, rows: count } of phasesOf(rows)) {
    process.stderr.write(`rows ${from} to ${from + count} of ${processes} processes\n`);
    const tasks = Array.from({ length: processes }, (_, index): WriterTask => {
      const directory = join(scratch, `writer${index}`);
      mkdirSync(directory, { recursive: true });
      const version = (isShared ? logVersions[0] : logVersions[index]) ?? '';
      const place = { directory, databaseUrl, modelId: logModel, version };
      return {
        ...place,
        from: from + index,
        to: from + count,
        step: processes,
        start,
        stepMs: (days * dayMs) / rows,
      };
    });
    const before = await postgres.use();
    const began = performance.now();
    const { result, most, lockedShare } = await watched(postgres, () => Promise.all(tasks.map(write)));
    const clock = (performance.now() - began) / 1000;
    const use = between(before, await postgres.use());
    const sum = (of: (one: Written) => number) => result.reduce((total, one) => total + of(one), 0);
    const micros = (spent: number) => figure((spent / count) * 1e6);
    lines.push({
      processes,
      versions: isShared ? 1 : processes,
      rows: count,
      'rows/s, all': figure(count / clock),
      'append, µs of processor': micros(sum(({ append }) => append.processor)),
      move: micros(sum(({ move }) => move.processor)),
      merge: micros(sum(({ merge }) => merge.processor)),
      PostgreSQL: micros(use.seconds),
      'moved/s by the clock, a process': figure(count / sum(({ move }) => move.clock)),
      'waiting for locks, % of busy connections': figure(100 * lockedShare),
      'journal, bytes': figure(sum(({ bytes }) => bytes) / count),
      'write-ahead log, bytes': figure(use.wal / count),
      'on disk, bytes': figure(use.bytes / count),
      connections: most,
    });
    from += count;
  }
  return table('Journals: rows of 13 features, appended, moved and merged; what a row costs', lines);
}

function write(task: WriterTask): Promise<Written> {
  const child = fork(writer, [JSON.stringify(task)]);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(written.parse(message)));
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`a writer ended with ${code}`));
    });
  });
}
