import { afterEach, expect, test } from 'vitest';
import { createEngine } from '../../../src/serving/engine/engine.ts';
import { type HostAhead, startHostAhead } from '../../../src/serving/engine/host_ahead.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { modelFile } from '../../models/model_file.ts';
import { temporaryDirectory } from '../../temporary.ts';

const artifacts = artifactStore(temporaryDirectory(), 1e9);
const artifact = await artifacts.add(modelFile('identity_float32'));
const model = { key: 'identity', artifact, inputs: [], outputs: [], instances: undefined };

const engines: { close(): void }[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});
function engineWith(ahead: HostAhead) {
  const limits = { loadTimeoutMs: 30_000, runTimeoutMs: 30_000, threads: 1 };
  const engine = createEngine({ withFile: artifacts.withFile, ...limits, ahead });
  engines.push(engine);
  return engine;
}

/** A host that was started ahead, and how often it was taken. */
function counted() {
  const ahead = startHostAhead(undefined);
  const taken: (number | undefined)[] = [];
  const take = () => {
    const host = ahead.take();
    taken.push(host?.pid);
    return host;
  };
  return { take, taken };
}

test('the first version that is loaded gets it, the next a host of its own', async () => {
  const ahead = counted();
  const engine = engineWith(ahead);
  await engine.load(model);
  await engine.load({ ...model, key: 'another' });
  expect(ahead.taken).toEqual([expect.any(Number), undefined]);
  expect([engine.status('identity'), engine.status('another')]).toMatchObject([{ hosts: 1 }, { hosts: 1 }]);
});

test('it is given once', () => {
  const ahead = startHostAhead(undefined);
  const host = ahead.take();
  expect(host?.isAlive()).toBe(true);
  host?.kill();
  expect(host?.isAlive()).toBe(false);
  expect(ahead.take()).toBeUndefined();
});

test('one that nobody needed ends with the engine', () => {
  const ahead = counted();
  engineWith(ahead).close();
  engines.length = 0;
  expect(ahead.taken).toEqual([expect.any(Number)]);
  expect(ahead.take()).toBeUndefined();
});
