import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { z } from 'zod';
import { windowReader } from '../../src/prediction_log/window_reader.ts';
import { featureNames } from '../http_peers/forms.ts';
import { measure } from '../http_peers/load.ts';
import { type CallTool, callerOf } from '../http_peers/modelyard.ts';
import type { RunningServer } from '../http_peers/running_server.ts';
import { processorSeconds } from '../processor_time.ts';
import { bodyFile } from './calls.ts';
import { logModel, type Settings, startServers, stopAll } from './machines.ts';
import { between, type Postgres, watched } from './postgres.ts';
import { figure, quantile, table } from './table.ts';

const dayMs = 86_400_000;
const rounds = 5;
const listed = z.object({ predictions: z.array(z.object({ prediction_id: z.string() })) });

/** Reads of a log of `rows` rows, and what calls notice of reports, on their own process and on another. */
export async function readsTables(
  postgres: Postgres,
  machines: readonly Settings[],
  scratch: string,
  options: { rows: number; databaseUrl: string; seconds: number },
): Promise<string> {
  const servers = await startServers(machines.slice(0, 2));
  const [own, other] = servers;
  if (own === undefined || other === undefined) throw new Error('two servers are needed');
  const sessions = await Promise.all([openSession(own), openSession(other)]);
  const [call, callOther] = sessions.map(({ call: one }) => one);
  if (call === undefined || callOther === undefined) throw new Error('two sessions are needed');
  try {
    const report = (ask: CallTool) =>
      ask('detect_drift', { model_id: logModel, version: '1', window_hours: 24 });
    const page = () => call('list_predictions', { model_id: logModel, version: '1', limit: 25 });
    const { predictions } = listed.parse(await page());
    const id = predictions[0]?.prediction_id;
    const readWindow = windowReader({
      database: postgres.database,
      directory: scratch,
      databaseUrl: options.databaseUrl,
    });
    const window = (names: readonly string[]) => {
      const until = Date.now();
      const features = names.map((name) => ({ name, kind: 'numeric' as const }));
      const of = { modelId: logModel, version: '1', since: until - dayMs, until };
      return readWindow({ ...of, rows: 'answered', features });
    };
    const found = await window(featureNames);
    const kinds: [string, () => Promise<unknown>, readonly number[]][] = [
      [`a day's window (${found.rows} rows), all 13 features`, () => window(featureNames), [process.pid]],
      ["a day's window, one feature", () => window(featureNames.slice(0, 1)), [process.pid]],
      ['detect_drift of that day', () => report(call), [own.pid]],
      ['list_predictions, 25', page, [own.pid]],
      [
        'list_predictions, one by its id',
        () => call('list_predictions', { model_id: logModel, prediction_id: id }),
        [own.pid],
      ],
      [
        'get_performance of that day',
        () => call('get_performance', { model_id: logModel, window_hours: 24 }),
        [own.pid],
      ],
    ];
    const lines: Record<string, string | number>[] = [];
    for (const [what, run, pids] of kinds) {
      process.stderr.write(`${what}\n`);
      const spent = () => pids.reduce((sum, pid) => sum + processorSeconds(pid), 0);
      const times: number[] = [];
      const before = { spent: spent(), postgres: await postgres.use() };
      const { most } = await watched(postgres, async () => {
        for (let round = 0; round < rounds; round++) {
          const began = performance.now();
          await run();
          times.push(performance.now() - began);
        }
      });
      const use = between(before.postgres, await postgres.use());
      lines.push({
        read: what,
        'median, ms': figure(quantile(times, 0.5)),
        'first, ms': figure(times[0] ?? Number.NaN),
        'its process, ms of processor': pids.includes(process.pid)
          ? ''
          : figure(((spent() - before.spent) / rounds) * 1000),
        'PostgreSQL, ms of processor': figure((use.seconds / rounds) * 1000),
        'connections of both servers': most,
      });
    }
    const meanwhile = await liveCalls(own, scratch, options.seconds, {
      'no report': undefined,
      'reports on the process that is called': () => report(call),
      'reports on another process': () => report(callOther),
    });
    return `${table(`A log of ${figure(options.rows)} rows: reads, ${rounds} of each`, lines)}\n${meanwhile}`;
  } finally {
    await Promise.all(sessions.map(({ close }) => close()));
    await stopAll(servers);
  }
}

async function openSession({ url }: RunningServer): Promise<{ call: CallTool; close(): Promise<void> }> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url)));
  return { call: callerOf(client), close: () => client.close() };
}

/** One client's calls of one row, one after another, while something else is done again and again. */
async function liveCalls(
  server: RunningServer,
  scratch: string,
  seconds: number,
  besides: Record<string, (() => Promise<unknown>) | undefined>,
): Promise<string> {
  const body = bodyFile(scratch, 1);
  await measure(server, body, 1, 2);
  const lines: Record<string, string | number>[] = [];
  for (const [title, beside] of Object.entries(besides)) {
    process.stderr.write(`calls, ${title}\n`);
    let isOver = false;
    let done = 0;
    const working = (async () => {
      for (; beside !== undefined && !isOver; done++) await beside();
    })();
    const { p50, p99, throughput } = await measure(server, body, 1, seconds);
    isOver = true;
    await working;
    lines.push({
      meanwhile: title,
      'p50 ms': figure(p50),
      'p99 ms': figure(p99),
      'calls/s': figure(throughput),
      reports: done,
    });
  }
  return table(
    `Calls of one client, ${seconds} s a line, while reports of a day run one after another`,
    lines,
  );
}
