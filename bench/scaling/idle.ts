import { setTimeout as pause } from 'node:timers/promises';
import { processorSeconds } from '../processor_time.ts';
import { type Settings, startServers, stopAll } from './machines.ts';
import { between, type Postgres } from './postgres.ts';
import { figure, table } from './table.ts';

/** Until connections that nobody uses are closed, and the first seconds' work is done. */
const settleMs = 30_000;

/** What servers that nobody calls ask of PostgreSQL. */
export async function idleTable(
  postgres: Postgres,
  machines: readonly Settings[],
  seconds: number,
): Promise<string> {
  const lines: Record<string, string | number>[] = [];
  for (const count of [1, machines.length]) {
    process.stderr.write(`${count} at rest\n`);
    const servers = await startServers(machines.slice(0, count));
    try {
      await pause(settleMs);
      const spent = () => servers.reduce((sum, { pid }) => sum + processorSeconds(pid), 0);
      const before = { postgres: await postgres.use(), spent: spent() };
      await pause(seconds * 1000);
      const use = between(before.postgres, await postgres.use());
      const { open } = await postgres.connections();
      const each = (value: number) => figure(value / seconds / count);
      lines.push({
        processes: count,
        'connections a process': figure(open / count),
        'transactions/s a process': each(use.transactions),
        'processor of a process, ms/s': each((spent() - before.spent) * 1000),
        'PostgreSQL, ms/s a process': each(use.seconds * 1000),
        'write-ahead log, bytes/s a process': each(use.wal),
      });
    } finally {
      await stopAll(servers);
    }
  }
  return table(`At rest: servers that have a version loaded and are not called, ${seconds} s`, lines);
}
