import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { z } from 'zod';
import { forms } from '../http_peers/forms.ts';
import { type Load, measure } from '../http_peers/load.ts';
import type { RunningServer } from '../http_peers/running_server.ts';
import { endedChildrenSeconds, mainThreadSeconds, processorSeconds } from '../processor_time.ts';
import { type Settings, startServers, stopAll } from './machines.ts';
import { between, type Postgres, watched } from './postgres.ts';
import { figure, table } from './table.ts';

/** Connections of all clients together. */
const connections = 48;
const warmUp = 2;
/** Longer than it takes to move what was called in seconds, milliseconds. */
const movedMs = 300_000;

/** The file with the body of a call. */
export function bodyFile(scratch: string, rows: number): string {
  const file = join(scratch, `call-${rows}.json`);
  writeFileSync(file, forms.records.body(rows));
  return file;
}

/** Calls a second and processor time a call of one to four servers on one PostgreSQL, with the log, until its rows are there. */
export async function callsTable(
  postgres: Postgres,
  machines: readonly Settings[],
  scratch: string,
  seconds: number,
): Promise<string> {
  const lines: Record<string, string | number>[] = [];
  for (let count = 1; count <= machines.length; count++) {
    process.stderr.write(`calls of ${count} ${count === 1 ? 'process' : 'processes'}\n`);
    const servers = await startServers(machines.slice(0, count));
    try {
      for (const rows of [1, 100]) {
        const body = bodyFile(scratch, rows);
        await load(servers, body, warmUp);
        await moved(postgres, 0);
        const logged = await rowsInLog(postgres);
        const before = await used(postgres, servers);
        const { result, most } = await watched(postgres, async () => {
          const loads = await load(servers, body, seconds);
          const ended = performance.now();
          const client = endedChildrenSeconds() - before.client;
          const calls = loads.reduce((sum, one) => sum + one.calls, 0);
          await moved(postgres, logged + calls * rows);
          return { loads, calls, client, behind: (performance.now() - ended) / 1000 };
        });
        const { loads, calls, client, behind } = result;
        const after = await used(postgres, servers);
        const each = (value: number) => figure((value / calls) * 1e6);
        const mainThreads = after.mainThreads - before.mainThreads;
        const use = between(before.postgres, after.postgres);
        lines.push({
          processes: count,
          'rows a call': rows,
          'calls/s': figure(loads.reduce((sum, one) => sum + one.throughput, 0)),
          'p50 ms': figure(Math.max(...loads.map(({ p50 }) => p50))),
          'p99 ms': figure(Math.max(...loads.map(({ p99 }) => p99))),
          'main thread µs': each(mainThreads),
          'other threads and hosts µs': each(after.servers - before.servers - mainThreads),
          'PostgreSQL µs': each(use.seconds),
          'client µs': each(client),
          'write-ahead log, bytes': figure(use.wal / calls),
          'log behind, s': figure(behind),
          connections: most,
        });
      }
    } finally {
      await stopAll(servers);
    }
  }
  return table(`Calls: ${connections} connections, ${seconds} s a line; what a call costs`, lines);
}

async function load(servers: readonly RunningServer[], body: string, seconds: number): Promise<Load[]> {
  const each = Math.floor(connections / servers.length);
  return Promise.all(servers.map((server) => measure(server, body, each, seconds)));
}

async function used(postgres: Postgres, servers: readonly RunningServer[]) {
  const sum = (secondsOf: (pid: number) => number) =>
    servers.reduce((total, { pid }) => total + secondsOf(pid), 0);
  return {
    servers: sum(processorSeconds),
    mainThreads: sum(mainThreadSeconds),
    client: endedChildrenSeconds(),
    postgres: await postgres.use(),
  };
}

const total = z.object({ rows: z.coerce.number() });

async function rowsInLog({ database }: Postgres): Promise<number> {
  const { rows } = await sql`select coalesce(sum(rows), 0) as rows from prediction_segments`.execute(
    database,
  );
  return total.parse(rows[0]).rows;
}

/** Waits until so many rows are in the database and no more come. @throws when they do not */
async function moved(postgres: Postgres, rows: number): Promise<void> {
  const deadline = performance.now() + movedMs;
  for (let last = -1; ; ) {
    const now = await rowsInLog(postgres);
    if (now >= rows && (rows > 0 || now === last)) return;
    last = now;
    if (performance.now() > deadline) throw new Error(`${now} of ${rows} rows are in the log`);
    await new Promise((resolve) => setTimeout(resolve, rows > 0 ? 100 : 1500));
  }
}
