/**
 * What each part of ModelYard bounds, measured on one machine: calls a second and processor time a call of one to four
 * `modelyard serve` on one PostgreSQL, rows of journals on their way into it, reads of a log of so many rows and what calls
 * notice of them, servers at rest, an engine of another process, an object store. Linux, with wrk and PostgreSQL on the same machine, whose
 * processes are all counted: nothing else should use it meanwhile.
 *
 * `DATABASE_URL=… node dist/bench/scaling.js [rows] [seconds a measurement] [parts]`: an empty database, by default 10 000 000 rows of log,
 * 8 s and all of calls, idle, engines, objects, journals, reads. With MODELYARD_TEST_S3_PYTHON the object store too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireWrk } from './http_peers/load.ts';
import { callsTable } from './scaling/calls.ts';
import { enginesTable } from './scaling/engines.ts';
import { idleTable } from './scaling/idle.ts';
import { journalsTable } from './scaling/journals.ts';
import { openMachines } from './scaling/machines.ts';
import { objectStoreTable } from './scaling/object_store.ts';
import { openPostgres } from './scaling/postgres.ts';
import { readsTables } from './scaling/reads.ts';

const parts = ['calls', 'idle', 'engines', 'objects', 'journals', 'reads'] as const;
const [givenRows = '10000000', givenSeconds = '8', only = parts.join(',')] = process.argv.slice(2);
const [rows, seconds] = [Number(givenRows), Number(givenSeconds)];
const databaseUrl = process.env.DATABASE_URL;
if (databaseUrl === undefined) throw new Error('DATABASE_URL must name an empty database of PostgreSQL');
const wanted = only.split(',');
const unknown = wanted.find((part) => !parts.some((known) => known === part));
if (unknown !== undefined) throw new Error(`"${unknown}" is no part: ${parts.join(', ')}`);

const wrk = requireWrk();
const scratch = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
const postgres = await openPostgres(join(scratch, 'bench'), databaseUrl);
try {
  const machines = await openMachines(scratch, databaseUrl, 4);
  console.log(
    `Node ${process.version}, ${wrk}, ${availableParallelism()} × ${cpus()[0]?.model}, ${new Date().toISOString()}\n`,
  );
  const print: Record<(typeof parts)[number], () => Promise<string>> = {
    calls: () => callsTable(postgres, machines, scratch, seconds),
    idle: () => idleTable(postgres, machines, 2 * seconds),
    engines: () => enginesTable(scratch, seconds),
    objects: () => objectStoreTable(scratch),
    journals: () => journalsTable(postgres, databaseUrl, scratch, rows),
    reads: () => readsTables(postgres, machines, scratch, { rows, databaseUrl, seconds }),
  };
  for (const part of parts) if (wanted.includes(part)) console.log(await print[part]());
} finally {
  await postgres.close();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
