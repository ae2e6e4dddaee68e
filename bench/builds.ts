/**
 * What a prediction of one row costs builds of ModelYard and the bare server, in turns and by a client that does next to nothing,
 * with the processor time of each thread; Linux only.
 * `node dist/bench/builds.js [calls under way] [rounds] [another clone …]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageDirectory } from '../src/package_info.ts';
import { type LeanSession, leanSession } from './lean_session.ts';
import { middle } from './middle.ts';
import { threadSeconds } from './processor_time.ts';

const [underWay = 1, rounds = 7] = process.argv.slice(2, 4).map(Number);
const others = process.argv.slice(4);
const calls = underWay === 1 ? 4000 : 12_000;
const source = join(packageDirectory, 'test', 'models', 'linear_float32.onnx');
const row = { model_id: 'small', inputs: [{ a: 1, b: 2, c: 3 }] };

interface Contestant {
  name: string;
  session: LeanSession;
  p50: number[];
  perSecond: number[];
  /** Microseconds a call of each thread, one a round. */
  threads: Map<string, number[]>;
}

const directories: string[] = [];

async function yard(clone: string): Promise<LeanSession> {
  const directory = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  directories.push(directory);
  const session = await leanSession(clone, 'src/main.js', [], { MODEL_REGISTRY_DIR: directory });
  await session.call('deploy_model', {
    model_id: 'small',
    version: '1',
    source,
    feature_names: ['a', 'b', 'c'],
  });
  return session;
}

async function measure({ session, p50, perSecond, threads }: Contestant): Promise<void> {
  const times: number[] = [];
  const before = threadSeconds(session.pid);
  let left = calls;
  const caller = async () => {
    while (left-- > 0) {
      const began = performance.now();
      await session.call('predict', row);
      times.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: underWay }, caller));
  perSecond.push((calls / (performance.now() - began)) * 1000);
  p50.push(middle(times));
  for (const [thread, seconds] of threadSeconds(session.pid)) {
    const used = ((seconds - (before.get(thread) ?? 0)) / calls) * 1e6;
    threads.set(thread, [...(threads.get(thread) ?? []), used]);
  }
}

const contestants: Contestant[] = [];
const enter = (name: string, session: LeanSession) =>
  contestants.push({ name, session, p50: [], perSecond: [], threads: new Map() });
try {
  enter('bare', await leanSession(packageDirectory, 'bench/floor_server.js', [source, source], {}));
  for (const clone of [packageDirectory, ...others]) enter(clone, await yard(clone));
  for (const contestant of contestants)
    for (let round = 0; round < 3; round++)
      await measure({ ...contestant, p50: [], perSecond: [], threads: new Map() });
  for (let round = 0; round < rounds; round++)
    for (const contestant of contestants) await measure(contestant);
  const [bare] = contestants;
  for (const { name, p50, perSecond, threads } of contestants) {
    const [latency, rate] = [middle(p50), middle(perSecond)];
    const [ofLatency, ofRate] = [latency / middle(bare?.p50 ?? []), rate / middle(bare?.perSecond ?? [])];
    console.log(
      `${name}: p50 ${(latency * 1000).toFixed(0)} µs (${ofLatency.toFixed(2)} × bare), ${rate.toFixed(0)} calls/s (${ofRate.toFixed(2)} × bare)`,
    );
    const busy = [...threads]
      .map(([thread, used]) => ({ thread, used: middle(used) }))
      .filter(({ used }) => used > 0.5);
    console.log(`  ${busy.map(({ thread, used }) => `${thread} ${used.toFixed(1)} µs`).join('; ')}`);
  }
} finally {
  await Promise.all(contestants.map(({ session }) => session.close()));
  await Promise.all(
    directories.map((directory) => rm(directory, { recursive: true, force: true, maxRetries: 5 })),
  );
}
