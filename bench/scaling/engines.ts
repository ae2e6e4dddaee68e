import { measure } from '../http_peers/load.ts';
import { games, withTools } from '../http_peers/modelyard.ts';
import { mainThreadSeconds, processorSeconds } from '../processor_time.ts';
import { bodyFile } from './calls.ts';
import { settingsOf, startServers, stopAll } from './machines.ts';
import { figure, table } from './table.ts';

const connections = 16;

/**
 * A call of a version that runs on this machine, and of one that another `modelyard serve` runs as an engine by the Open
 * Inference Protocol; both on SQLite, so that PostgreSQL has no part in it.
 */
export async function enginesTable(scratch: string, seconds: number): Promise<string> {
  const engine = settingsOf(scratch, 'engine');
  await withTools(engine, (call) => call('deploy_model', games));
  const [running] = await startServers([engine]);
  if (running === undefined) throw new Error('the engine does not run');
  const servers = [running];
  try {
    const caller = {
      ...settingsOf(scratch, 'caller'),
      MODELYARD_ENGINES: JSON.stringify({
        remote: {
          type: 'open_inference',
          url: new URL(running.url).origin,
          models: { served: { name: '{model_id}', version: '{version}' } },
        },
      }),
    };
    await withTools(caller, (call) => call('deploy_model', { ...games, engine: 'remote' }));
    const [calling] = await startServers([caller]);
    if (calling === undefined) throw new Error('the caller does not run');
    servers.push(calling);
    const lines: Record<string, string | number>[] = [];
    for (const rows of [1, 100])
      for (const [where, server] of [
        ['embedded', running],
        ['remote', calling],
      ] as const) {
        process.stderr.write(`${where}, ${rows} rows\n`);
        const body = bodyFile(scratch, rows);
        await measure(server, body, connections, 2);
        const used = (of: (pid: number) => number) => servers.map(({ pid }) => of(pid));
        const before = { all: used(processorSeconds), main: used(mainThreadSeconds) };
        const load = await measure(server, body, connections, seconds);
        const alone = await measure(server, body, 1, seconds);
        const each = (after: number[], from: number[], index: number) =>
          figure((((after[index] ?? 0) - (from[index] ?? 0)) / (load.calls + alone.calls)) * 1e6);
        const after = { all: used(processorSeconds), main: used(mainThreadSeconds) };
        const position = servers.indexOf(server);
        lines.push({
          engine: where,
          'rows a call': rows,
          'calls/s': figure(load.throughput),
          'p50 ms': figure(load.p50),
          'p99 ms': figure(load.p99),
          'p50 ms, one client': figure(alone.p50),
          'main thread of the server called, µs': each(after.main, before.main, position),
          'all of the server called, µs': each(after.all, before.all, position),
          'all of the engine, µs': where === 'embedded' ? '' : each(after.all, before.all, 0),
        });
      }
    return table(
      `Engines: ${connections} connections and then one, ${seconds} s each; what a call costs`,
      lines,
    );
  } finally {
    await stopAll(servers);
  }
}
