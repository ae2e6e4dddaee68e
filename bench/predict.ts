/**
 * What a predict over stdio costs, as a ratio to a bare SDK server in the same run: median latency one call at
 * a time and at rest, throughput with 1 to 64 calls under way, with and without batching, one row, 1000 rows and 1 MB
 * tensors. `npm run bench`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';
import { middle } from './middle.ts';

const rounds = 5;
const small = join(packageDirectory, 'test', 'models', 'linear_float32.onnx');
const wide = join(packageDirectory, 'test', 'models', 'sum_free_columns.onnx');
const megabyte = Array.from({ length: 262_144 }, (_, index) => (index % 100) / 4);
const row = { model_id: 'small', inputs: [{ a: 1, b: 2, c: 3 }] };
const thousand = {
  model_id: 'small',
  inputs: Array.from({ length: 1000 }, (_, index) => ({ a: index / 8, b: 2, c: index % 7 })),
};
const tensor = {
  model_id: 'wide',
  tensors: { x: { datatype: 'FP32', shape: [1, megabyte.length], data: megabyte } },
};

type Call = () => Promise<unknown>;

async function start(script: string, args: string[], settings: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [join(packageDirectory, 'dist', script), ...args],
      env: { ...getDefaultEnvironment(), MODELYARD_ENGINE_THREADS: '1', ...settings },
    }),
  );
  return client;
}

async function startModelYard(directory: string, batching: boolean): Promise<Client> {
  const client = await start('src/main.js', [], {
    MODEL_REGISTRY_DIR: directory,
    MODELYARD_BATCHING: String(batching),
  });
  for (const [model_id, source, feature_names] of [
    ['small', small, ['a', 'b', 'c']],
    ['wide', wide, undefined],
  ]) {
    const answer = await client.callTool({
      name: 'deploy_model',
      arguments: { model_id, version: '1', source, feature_names },
    });
    if (answer.isError) throw new Error(JSON.stringify(answer.content));
  }
  return client;
}

const calling =
  (client: Client, name: string, given: Record<string, unknown>): Call =>
  async () => {
    const answer = await client.callTool({ name, arguments: given });
    if (answer.isError) throw new Error(JSON.stringify(answer.content));
  };

async function medianLatency(call: Call, calls: number, between: number): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < calls; count++) {
    if (between > 0) await pause(between);
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  return middle(times);
}

async function throughput(call: Call, calls: number, underWay: number): Promise<number> {
  const started = performance.now();
  let left = calls;
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: underWay }, caller));
  return (calls / (performance.now() - started)) * 1000;
}

/** Measures the contestants in turn, round by round, so that they share the machine's good and bad moments. */
async function compare(
  title: string,
  unit: string,
  contestants: [string, Call][],
  measure: (call: Call) => Promise<number>,
) {
  const results = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, [, call]] of contestants.entries()) results[index]?.push(await measure(call));
  const bare = middle(results[contestants.findIndex(([name]) => name === 'bare')] ?? []);
  for (const [index, [name]] of contestants.entries()) {
    const value = middle(results[index] ?? []);
    const digits = unit === 'ms' ? 3 : 0;
    console.log(
      `${title.padEnd(34)} ${name.padEnd(22)} ${value.toFixed(digits).padStart(8)} ${unit.padEnd(8)} ${(value / bare).toFixed(2)} × bare`,
    );
  }
}

const directories = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'modelyard-bench-'))));
const [first = '', second = ''] = directories;
const floor = await start('bench/floor_server.js', [small, wide], {});
const yard = await startModelYard(first, true);
const single = await startModelYard(second, false);
try {
  const rows: [string, Call][] = [
    ['echo', calling(floor, 'echo', row)],
    ['bare', calling(floor, 'predict', row)],
    ['ModelYard', calling(yard, 'predict', row)],
    ['ModelYard, no batching', calling(single, 'predict', row)],
  ];
  const megabytes: [string, Call][] = [
    ['bare', calling(floor, 'predict_tensors', tensor)],
    ['ModelYard', calling(yard, 'predict', tensor)],
  ];
  const thousands: [string, Call][] = [
    ['bare', calling(floor, 'predict', thousand)],
    ['ModelYard', calling(yard, 'predict', thousand)],
  ];
  // Until the compiler has done with either server.
  for (const [, call] of rows) await medianLatency(call, 3000, 0);
  for (const [, call] of thousands) await medianLatency(call, 50, 0);
  for (const [, call] of megabytes) await medianLatency(call, 3, 0);
  // The first large calls show it other sizes, for which what small ones use is compiled anew.
  for (const [, call] of rows) await medianLatency(call, 3000, 0);
  await compare('one row, p50, one at a time', 'ms', rows, (call) => medianLatency(call, 400, 0));
  await compare('one row, p50, at rest', 'ms', rows, (call) => medianLatency(call, 60, 5));
  for (const underWay of [1, 4, 16, 64])
    await compare(`one row, ${underWay} under way`, 'calls/s', rows, (call) =>
      throughput(call, 1500, underWay),
    );
  await compare('1000 rows, p50, one at a time', 'ms', thousands, (call) => medianLatency(call, 40, 0));
  await compare('1 MB tensor, p50, one at a time', 'ms', megabytes, (call) => medianLatency(call, 5, 0));
  await compare('1 MB tensor, 8 under way', 'calls/s', megabytes, (call) => throughput(call, 16, 8));
} finally {
  await Promise.all([floor, yard, single].map((client) => client.close()));
  await Promise.all(
    directories.map((directory) => rm(directory, { recursive: true, force: true, maxRetries: 5 })),
  );
}
