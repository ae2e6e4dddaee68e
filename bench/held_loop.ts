/**
 * How long SQLite holds the event loop while four other processes write to the same file as fast as they can, and this
 * one writes and reads too. Exit code 1: longer than the bound, without the time that the thread waited for a processor.
 * Beside it a sixth process does nothing but fdatasync on the same disk: its longest is what one commit on the main thread
 * would hold the loop for at least.
 * `npm run build && node dist/bench/held_loop.js [seconds]`.
 */
import { fork } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { type Database, openDatabase } from '../src/storage/database.ts';
import { holding, longestOf, watchLoop } from './loop_watch.ts';

const boundMs = 50;
const [given = '10', shared, part] = process.argv.slice(2);
const until = Date.now() + Number(given) * 1000;
const directory = shared ?? mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
async function write(database: Database): Promise<number> {
  let written = 0;
  for (; Date.now() < until; written++)
    await database.transaction().execute(async (transaction) => {
      await transaction.updateTable('audit_head').set({ sequence: sql<number>`sequence + 1` }).execute();
      await transaction
        .insertInto('models')
        .values({ model_id: `m${process.pid}-${written}`, created_at: 1, revision: 1 })
        .execute();
    });
  return written;
}

async function read(database: Database): Promise<number> {
  let reads = 0;
  for (; Date.now() < until; reads++) {
    await database.selectFrom('models').select('model_id').limit(10).execute();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return reads;
}

/** The longest write of 8 kB that is on the disk when it returns, milliseconds, without waiting for a processor. */
async function sync(): Promise<number> {
  const file = openSync(join(directory, 'floor'), 'w');
  const page = Buffer.alloc(8192, 1);
  const found = longestOf();
  while (Date.now() < until) {
    found.around('fdatasync', () => {
      writeSync(file, page, 0, page.length, 0);
      fdatasyncSync(file);
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  closeSync(file);
  return found.longest;
}

async function inParts(): Promise<void> {
  const { database, close } = await openDatabase({ directory });
  const start = (kind: string) => {
    const child = fork(fileURLToPath(import.meta.url), [given, directory, kind]);
    return new Promise<number>((resolve) => child.once('message', (answer) => resolve(Number(answer))));
  };
  const counts = [1, 2, 3, 4].map(() => start('write'));
  const floor = start('sync');
  const watch = watchLoop();
  const [written, reads] = await Promise.all([write(database), read(database)]);
  const held = watch.finish();
  const own = held.own ?? held.longest;
  const longestSync = await floor;
  console.log(
    `${holding(held)}, ${(own / longestSync).toFixed(2)} times as long as one fdatasync of 8 kB (${longestSync.toFixed(0)} ms at most); ` +
      `${written} transactions and ${reads} reads here, ${(await Promise.all(counts)).join(', ')} transactions elsewhere`,
  );
  await close();
  rmSync(directory, { recursive: true, force: true });
  if (own > boundMs) process.exitCode = 1;
}

if (shared === undefined) await inParts();
else if (part === 'sync') process.send?.(await sync());
else {
  const { database, close } = await openDatabase({ directory });
  const written = await write(database);
  await close();
  process.send?.(written);
}
if (shared !== undefined) process.disconnect();
