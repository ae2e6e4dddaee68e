import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { alertMessageSchema } from '../../src/monitoring/alerts/alert_message.ts';
import { type MlflowServer, python, sharedMlflow, startMs } from '../mlflow/mlflow_server.ts';
import { registryView } from '../mlflow/registry_view.ts';
import { type Receiver, startReceiver } from '../monitoring/alerts/receiver.ts';
import { startServer, type TestServer } from './client.ts';
import { quickPlan, twoVersions, untilState } from './rollout_load.ts';
import { until } from './until.ts';

const plan = { ...quickPlan, shadow: false, shares: [0.5, 1] };
/** What is posted: the message, and a line for people. */
const posted = alertMessageSchema.extend({ text: z.string() });
const experiment = 'rollouts that are told of';

/** Goes through all steps by a person's word, since nobody calls. */
async function skipThrough(server: TestServer, modelId: string): Promise<string> {
  await twoVersions(server, modelId, ['slow_run', 'slow_run']);
  const started = await server.call('start_rollout', { model_id: modelId, version: '2', plan });
  const rollout_id = started.rollout_id ?? '';
  for (const step of ['50 %', '100 %']) {
    await until(`the step ${step}`, async () => {
      const rollout = await server.call('get_rollout', { rollout_id });
      return rollout.step === step;
    });
    await server.call('control_rollout', { rollout_id, action: 'skip_step', reason: `enough of ${step}` });
  }
  await untilState(server, modelId, ['succeeded']);
  return rollout_id;
}

describe('who is told of a rollout', { timeout: 240_000 }, () => {
  let receiver: Receiver;
  let server: TestServer;
  beforeAll(async () => {
    receiver = await startReceiver();
    server = await startServer({ settings: { MODELYARD_ALERT_WEBHOOK: receiver.url } });
  });
  afterAll(async () => {
    await server.close();
    await receiver.close();
  });

  test('the webhook, of every change, with the step and the reason', async () => {
    const rolloutId = await skipThrough(server, 'posted');
    const told = () =>
      receiver.received
        .map(({ body }) => posted.safeParse(JSON.parse(body)))
        .flatMap(({ data }) => (data?.cause === 'rollout' ? [data] : []));
    await until('the last change to be posted', () => told().at(-1)?.facts.state === 'succeeded', 60_000);
    expect(told().map(({ facts }) => facts)).toEqual([
      { state: 'running', action: 'go_on', step: '50 %' },
      { state: 'running', action: 'skipped', step: '100 %' },
      { state: 'running', action: 'skipped', step: 'production' },
      { state: 'succeeded', action: 'go_on', step: 'over' },
    ]);
    expect(told()[1]).toMatchObject({
      alert_id: rolloutId,
      model_id: 'posted',
      version: '2',
      summary: expect.stringContaining('enough of 50 %'),
    });
  });
});

describe.skipIf(python === undefined)('what MLflow is told of a rollout', { timeout: 240_000 }, () => {
  let mlflow: MlflowServer;
  let server: TestServer;
  beforeAll(async () => {
    mlflow = await sharedMlflow();
    const settings = { MLFLOW_TRACKING_URI: mlflow.address, MLFLOW_EXPERIMENT_NAME: experiment };
    server = await startServer({ settings });
  }, 2 * startMs);
  afterAll(() => server?.close());

  test('each step: the candidate is a run, with its share of the traffic over time', async () => {
    await skipThrough(server, 'tracked');
    const weights = async () => {
      const { runs } = registryView.parse(
        await mlflow.script('read_registry.py', { experiment, history: true }),
      );
      return Object.fromEntries(
        ['1', '2'].map((version) => [
          version,
          runs
            .find(({ params }) => params.version === version)
            ?.history['traffic/weight']?.map(([, , value]) => value),
        ]),
      );
    };
    const seen = await until(
      'MLflow to know the last step',
      async () => {
        const found = await weights();
        return found['2']?.at(-1) === 1 && found['1']?.at(-1) === 0 && found;
      },
      120_000,
    );
    expect(seen['2']?.filter((weight) => weight > 0)).toEqual([0.5, 1]);
    expect(seen['1']?.[0]).toBe(1);
  });
});
