/**
 * What a predict over stdio costs, as a ratio to the floor in the same run: median latency one call at a
 * time, at rest (a pause between the calls) and pipelined throughput. `npm run bench`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';

const model = join(packageDirectory, 'test', 'models', 'linear_float32.onnx');
const rounds = 5;
const callsPerRound = 400;
const pipelined = 2000;
const inFlight = 64;

type Call = () => Promise<unknown>;

async function start(script: string, args: string[], directory: string): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [join(packageDirectory, 'dist', script), ...args],
      env: { ...getDefaultEnvironment(), MODEL_REGISTRY_DIR: directory, MODELYARD_ENGINE_THREADS: '1' },
    }),
  );
  return client;
}

async function median(call: Call, between: number): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < (between > 0 ? callsPerRound / 4 : callsPerRound); count++) {
    if (between > 0) await pause(between);
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

async function throughput(call: Call): Promise<number> {
  const started = performance.now();
  let left = pipelined;
  const worker = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (pipelined / (performance.now() - started)) * 1000;
}

const middle = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const directory = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
const floor = await start('bench/floor_server.js', [model], directory);
const yard = await start('src/main.js', [], directory);
try {
  await yard.callTool({
    name: 'deploy_model',
    arguments: { model_id: 'bench', version: '1', source: model, feature_names: ['a', 'b', 'c'] },
  });
  const given = { model_id: 'bench', inputs: [{ a: 1, b: 2, c: 3 }] };
  const contestants: [string, Call][] = [
    ['echo', () => floor.callTool({ name: 'echo', arguments: given })],
    ['bare session.run', () => floor.callTool({ name: 'predict', arguments: given })],
    ['ModelYard', () => yard.callTool({ name: 'predict', arguments: given })],
  ];
  for (const [, call] of contestants) await median(call, 0);
  const measures: [string, string, (call: Call) => Promise<number>][] = [
    ['p50, one at a time', 'ms', (call) => median(call, 0)],
    ['p50, at rest', 'ms', (call) => median(call, 5)],
    [`throughput, ${inFlight} in flight`, 'calls/s', throughput],
  ];
  for (const [title, unit, measure] of measures) {
    const results = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++)
      for (const [name, call] of contestants)
        results.set(name, [...(results.get(name) ?? []), await measure(call)]);
    const bare = middle(results.get('bare session.run') ?? []);
    for (const [name, values] of results)
      console.log(
        `${title.padEnd(28)} ${name.padEnd(18)} ${middle(values)
          .toFixed(unit === 'ms' ? 3 : 0)
          .padStart(8)} ${unit.padEnd(8)} ${(middle(values) / bare).toFixed(2)} × bare`,
      );
  }
} finally {
  await Promise.all([floor.close(), yard.close()]);
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
