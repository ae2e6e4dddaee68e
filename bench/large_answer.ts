/**
 * How long a large answer as JSON holds up other calls: the largest that fits into a message is asked for again and again
 * while another model is called every millisecond. What holds the server's event loop is measured in the server. Exit code 1:
 * longer than the bound, without the time that the thread waited for a processor.
 * `npm run build && node dist/bench/large_answer.js [rounds]`; Linux.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';
import { type Held, holding } from './loop_watch.ts';

const boundMs = 150;
const rounds = Number(process.argv[2] ?? 9);
/** Numbers of an answer of 7.7 MB. */
const answered = 540_000;
/** ONNX, made with onnx.helper: y = Range(0, ReduceMax(x), 0.37). */
const stepped =
  'CAgSDm1vZGVseWFyZC10ZXN0Oo4BCiIKAXgSAW0iCVJlZHVjZU1heCoPCghrZWVwZGltcxgAoAECChkKBHplcm8KAW0KBHN0ZXASAXkiBVJhbmdlEgVyYW5nZSoOEAEiBAAAAABCBHplcm8qDhABIgSkcL0+QgRzdGVwWhQKAXgSDwoNCAESCQoDEgFOCgIIAWIQCgF5EgsKCQgBEgUKAxIBTEIECgAQEg==';
const directory = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));

const child = spawn(
  process.execPath,
  [
    '--import',
    join(packageDirectory, 'dist', 'bench', 'report_loop.js'),
    join(packageDirectory, 'dist', 'src', 'main.js'),
  ],
  { stdio: ['pipe', 'pipe', 'pipe'], env: { ...getDefaultEnvironment(), MODEL_REGISTRY_DIR: directory } },
);
const waiting = new Map<number, (line: string) => void>();
createInterface({ input: child.stdout }).on('line', (line) => {
  const id = Number(/"id":(\d+)/.exec(line.slice(-60))?.[1] ?? /"id":(\d+)/.exec(line.slice(0, 200))?.[1]);
  waiting.get(id)?.(line);
  waiting.delete(id);
});
let report: (held: Held) => void = () => undefined;
createInterface({ input: child.stderr }).on('line', (line) => {
  if (line.startsWith('{"held"')) report(JSON.parse(line).held);
});

let lastId = 0;
function request(method: string, params: object): Promise<string> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, (line) =>
      /"isError":true|"error":\{/.test(line) ? reject(new Error(line)) : resolve(line),
    );
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  });
}
const call = (name: string, given: object) => request('tools/call', { name, arguments: given });

/** What held the server's event loop since it was last asked. */
function held(): Promise<Held> {
  return new Promise((resolve) => {
    report = resolve;
    child.kill('SIGUSR2');
  });
}

const small = { model_id: 'small', inputs: [{ a: 1, b: 2, c: 3 }] };
const large = {
  model_id: 'large',
  tensors: { x: { datatype: 'FP32', shape: [1, 1], data: [answered * 0.37] } },
};

/** Calls the small model every millisecond until `isOver`. @returns the longest call, milliseconds */
async function callMeanwhile(isOver: () => boolean): Promise<number> {
  let longest = 0;
  while (!isOver()) {
    const began = performance.now();
    await call('predict', small);
    longest = Math.max(longest, performance.now() - began);
    await pause(1);
  }
  return longest;
}

try {
  const source = join(directory, 'stepped.onnx');
  writeFileSync(source, Buffer.from(stepped, 'base64'));
  const clientInfo = { name: 'bench', version: '1.0.0' };
  await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  const linear = join(packageDirectory, 'test', 'models', 'linear_float32.onnx');
  const named = { source: linear, feature_names: ['a', 'b', 'c'] };
  await call('deploy_model', { model_id: 'small', version: '1', ...named });
  await call('deploy_model', { model_id: 'large', version: '1', source });
  for (let count = 0; count < 300; count++) await call('predict', small);
  let most: Held = { longest: 0, own: undefined };
  for (let round = 0; round < rounds; round++) {
    await held();
    let megabytes: number | undefined;
    const answer = call('predict', large).then((line) => {
      megabytes = line.length / 1e6;
    });
    const longest = await callMeanwhile(() => megabytes !== undefined);
    await answer;
    const now = await held();
    console.log(
      `${megabytes?.toFixed(1)} MB: ${holding(now)}, another call took ${longest.toFixed(0)} ms at most`,
    );
    if ((now.own ?? now.longest) > (most.own ?? most.longest)) most = now;
  }
  console.log(`in all: ${holding(most)}; bound ${boundMs} ms`);
  if ((most.own ?? most.longest) > boundMs) process.exitCode = 1;
} finally {
  child.stdin.end();
  await new Promise((resolve) => child.once('exit', resolve));
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}
