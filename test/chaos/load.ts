import { expect } from 'vitest';
import { readError, readSuccess, type TestServer, type ToolError, type ToolName } from '../e2e/client.ts';
import { childrenOf } from '../e2e/processes.ts';
import { chaosModels } from './models.ts';
import type { Random } from './random.ts';

/** What happened, over all callers. */
export interface Events {
  /** By model, the predictions answered: their ids, and the versions that gave them. */
  answered: Map<string, { ids: string[]; versions: Set<string> }>;
  /** How many predict calls failed, by model and code. */
  failed: Map<string, number>;
  switches: number;
  kills: number;
}

export function noEvents(): Events {
  return {
    answered: new Map(chaosModels.map(({ modelId }) => [modelId, { ids: [], versions: new Set() }])),
    failed: new Map(),
    switches: 0,
    kills: 0,
  };
}

/** How an honest error reads, by its code. */
const honest: Record<string, RegExp> = {
  TIMEOUT: /did not answer within \d+ ms|waited \d+ ms for its turn|did not load within \d+ ms/,
  ENGINE_CRASHED:
    /^The runtime (that runs this model )?\(onnxruntime [\d.]+\) ended (while it loaded this model )?\(.+\)/,
  CIRCUIT_OPEN: /^The circuit breaker of \S+ .+ is open .* try again (at \d{4}-\d\d-\d\dT.*Z|soon)\.$/,
  LIMIT_EXCEEDED: /^\d+ (calls wait for this version already|versions are loaded and busy)/,
};

function requireHonest(error: ToolError): void {
  expect(Object.keys(honest), `${error.code}: ${error.message}`).toContain(error.code);
  expect(error.message).toMatch(honest[error.code] ?? /^$/);
}

/** One caller: predicts without a pause while `goesOn`, and now and then makes trouble. */
export async function runCaller(
  servers: readonly [TestServer, ...TestServer[]],
  own: TestServer,
  random: Random,
  events: Events,
  goesOn: () => boolean,
): Promise<void> {
  while (goesOn()) {
    await predictOnce(own, random, events);
    if (random.chance(0.02)) killHost(random.pick(servers), random, events);
    if (random.chance(0.02)) await switchVersion(random.pick(servers), random, events);
    if (random.chance(0.01)) await resetBreaker(random.pick(servers), random);
  }
}

async function predictOnce(server: TestServer, random: Random, events: Events): Promise<void> {
  const model = random.pick(chaosModels);
  const rows = Array.from({ length: random.integer(1, 4) }, () => model.draw(random));
  const result = await server.attempt('predict', {
    model_id: model.modelId,
    inputs: rows,
    ...(random.chance(0.5) && { entity_key: `customer ${random.integer(0, 50)}` }),
    ...(random.chance(0.1) && { version: '1' }),
  });
  if (result.isError) {
    const error = readError('predict', result);
    requireHonest(error);
    const key = `${model.modelId} ${error.code}`;
    events.failed.set(key, (events.failed.get(key) ?? 0) + 1);
    return;
  }
  const { version, predictions, latency_ms } = readSuccess('predict', result);
  expect(Object.keys(model.versions)).toContain(version);
  expect(predictions.map(({ value }) => value)).toEqual(rows.map((row) => model.answer(row, version)));
  expect(latency_ms).toBeGreaterThan(0);
  const answered = events.answered.get(model.modelId);
  answered?.versions.add(version);
  answered?.ids.push(...predictions.map(({ prediction_id }) => prediction_id));
}

/** kill -9 from outside, in the middle of whatever it does. */
function killHost(server: TestServer, random: Random, events: Events): void {
  const [first, ...others] = childrenOf(server.pid);
  if (first === undefined) return;
  try {
    process.kill(random.pick([first, ...others]), 'SIGKILL');
    events.kills++;
  } catch {
    // It ended while we looked.
  }
}

async function switchVersion(server: TestServer, random: Random, events: Events): Promise<void> {
  const version = random.pick(['1', '2']);
  const [name, rest] = random.pick<[ToolName, object]>([
    ['deploy_model', { version }],
    ['set_traffic', { weights: { [version]: 1 } }],
    ['set_traffic', { weights: { '1': 0.5, '2': 0.5 } }],
  ]);
  const result = await server.attempt(name, { model_id: 'switched', ...rest });
  if (result.isError) requireHonest(readError(name, result));
  else {
    readSuccess(name, result);
    events.switches++;
  }
}

async function resetBreaker(server: TestServer, random: Random): Promise<void> {
  const { modelId } = random.pick(chaosModels);
  await server.call('reset_circuit_breaker', { model_id: modelId, version: '1' });
}
