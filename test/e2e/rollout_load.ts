import type { TestServer, ToolOutput } from './client.ts';
import { testModel } from './environment.ts';
import { until } from './until.ts';

/** Short waits and wide margins: what takes hours of real traffic is over in seconds. */
export const quickPlan = {
  backtest: false,
  shares: [0.2, 0.5, 1],
  least_s: 1,
  longest_s: 600,
  least_calls: 20,
  error_margin: 0.1,
  p95_margin: 6,
  metric_margin: 0.3,
};

/** Version 1 has all calls, version 2 is registered. */
export async function twoVersions(
  server: TestServer,
  modelId: string,
  [first, second]: readonly [string, string],
  rest: { first?: object; second?: object } = {},
): Promise<void> {
  await server.call('deploy_model', {
    model_id: modelId,
    version: '1',
    source: testModel(first),
    ...rest.first,
  });
  await server.call('promote_model', { model_id: modelId, version: '1', target_stage: 'production' });
  await server.call('register_model', {
    model_id: modelId,
    version: '2',
    source: testModel(second),
    ...rest.second,
  });
}

/** Clients that call without a pause until they are stopped. */
export function clients(
  server: TestServer,
  modelId: string,
  count: number,
  inputOf: (call: number) => number,
  afterwards?: (x: number, predictionId: string) => Promise<unknown>,
) {
  let stopped = false;
  let [calls, failed] = [0, 0];
  const run = async () => {
    while (!stopped) {
      const x = inputOf(calls++);
      const result = await server.attempt('predict', { model_id: modelId, inputs: [{ x }] });
      if (result.isError) failed++;
      else if (afterwards !== undefined) {
        const { predictions } = result.structuredContent as ToolOutput<'predict'>;
        const [first] = predictions;
        if (first !== undefined) await afterwards(x, first.prediction_id);
      }
    }
  };
  const running = Array.from({ length: count }, run);
  return {
    counts: () => ({ calls, failed }),
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** The rollout, once it is in one of the states. */
export function untilState(
  server: TestServer,
  modelId: string,
  states: readonly string[],
  deadlineMs = 600_000,
): Promise<ToolOutput<'get_rollout'>> {
  return until(
    `the rollout of ${modelId} to be ${states.join(' or ')}`,
    async () => {
      const rollout = await server.call('get_rollout', { model_id: modelId });
      return states.includes(rollout.state) && rollout;
    },
    deadlineMs,
  );
}
