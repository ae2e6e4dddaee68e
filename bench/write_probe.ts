import { once } from 'node:events';
import { setTimeout as rest } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { sql } from 'kysely';
import { type DatabaseAddress, openDatabase } from '../src/storage/database.ts';

/** How long the small writes of another connection took, milliseconds. */
export interface Waits {
  writes: number;
  longest: number;
  p99: number;
}

const pauseMs = 20;

/**
 * Writes a row again and again from a thread with a connection of its own, as another server on the same database does:
 * what holds the write lock for long shows in how long that takes.
 */
export function startWriteProbe(address: DatabaseAddress): { finish(): Promise<Waits> } {
  const thread = new Worker(new URL(import.meta.url), { workerData: address });
  return {
    async finish() {
      const answered = once(thread, 'message');
      thread.postMessage('finish');
      const [waits] = await answered;
      return waits;
    },
  };
}

export function waited({ writes, longest, p99 }: Waits): string {
  return `another's writes took at most ${longest.toFixed(0)} ms (99 %: ${p99.toFixed(0)} ms, of ${writes})`;
}

async function probe(address: DatabaseAddress): Promise<void> {
  const { database, close } = await openDatabase(address);
  const waits: number[] = [];
  let isWanted = true;
  parentPort?.on('message', () => {
    isWanted = false;
  });
  while (isWanted) {
    const began = performance.now();
    await sql`update models set revision = revision + 1 where model_id = 'bench'`.execute(database);
    waits.push(performance.now() - began);
    await rest(pauseMs);
  }
  await close();
  waits.sort((a, b) => a - b);
  const answer: Waits = {
    writes: waits.length,
    longest: waits.at(-1) ?? 0,
    p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
  };
  parentPort?.postMessage(answer);
  parentPort?.close();
}

if (!isMainThread && parentPort !== null) await probe(workerData);
