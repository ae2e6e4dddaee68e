import { readError, readSuccess, type TestServer, type ToolName } from './client.ts';

/** Reads, changes and predictions of model m, as many at once as callers, until told to stop. */
export interface OutageLoad {
  /** The ids of all that was answered, by which server. */
  predicted: string[];
  /** Of each server. */
  predictions: readonly number[];
  done: number;
  unavailable: number;
  /** Errors that are not honest ones of a database that is away. */
  others: string[];
  stop(): Promise<void>;
}

const callers = 12;

/** Versions 1 and 2 of m must be deployed. */
export function startOutageLoad(servers: readonly TestServer[]): OutageLoad {
  const predictions = servers.map(() => 0);
  const load: OutageLoad = { predicted: [], predictions, done: 0, unavailable: 0, others: [], stop };
  let isOver = false;
  let calls = 0;
  const running = Array.from({ length: callers }, (_, caller) => run(caller % servers.length));
  async function run(index: number): Promise<void> {
    const server = servers[index];
    while (!isOver && server !== undefined) {
      const [name, given] = draw(calls++);
      const result = await server.attempt(name, given).catch((error: unknown) => {
        load.others.push(`${name}: ${error}`);
      });
      if (result === undefined) return;
      if (!result.isError) {
        load.done++;
        if (name !== 'predict') continue;
        predictions[index] = (predictions[index] ?? 0) + 1;
        for (const { prediction_id } of readSuccess('predict', result).predictions)
          load.predicted.push(prediction_id);
        continue;
      }
      const { code, retryable, message } = readError(name, result);
      if (code === 'STORAGE_UNAVAILABLE' && retryable) load.unavailable++;
      else load.others.push(`${name} ${code}: ${message}`);
    }
  }
  async function stop(): Promise<void> {
    isOver = true;
    await Promise.all(running);
  }
  return load;
}

/** A quarter changes, of what answers too, a quarter reads, the rest predictions. */
function draw(call: number): [ToolName, Record<string, unknown>] {
  if (call % 16 === 0)
    return ['set_traffic', { model_id: 'm', weights: { '1': 1 - (call % 10) / 10, '2': (call % 10) / 10 } }];
  if (call % 16 === 8) return ['update_model', { model_id: 'm', aliases: { champion: `${1 + (call % 2)}` } }];
  if (call % 4 === 0) return ['update_model', { model_id: 'm', description: `change ${call}` }];
  if (call % 4 === 1) return ['get_model', { model_id: 'm' }];
  return [
    'predict',
    { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }], ...(call % 4 === 2 && { version: 'champion' }) },
  ];
}

/** The ids of all predictions of m that are in the log, as often as they are in it. */
export async function loggedIds(server: TestServer): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof server.call<'list_predictions'>>> = await server.call(
      'list_predictions',
      { model_id: 'm', limit: 200, response_format: 'concise', ...(cursor && { cursor }) },
    );
    ids.push(...page.predictions.map(({ prediction_id }) => prediction_id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return ids;
}
