import { Agent, request } from 'node:http';
import { z } from 'zod';
import { facts } from '../e2e/nba.ts';

const predicted = z.object({ predictions: z.array(z.object({ prediction_id: z.string() })) });

/** One row of the NBA example's features. */
const row = Object.fromEntries(facts.feature_names.map((name, index) => [name, index + 1]));

export interface Load {
  /** Ids of the predictions that were answered. */
  answered: string[];
  /** Calls that the server broke off or refused to begin, each of which was made again. */
  broken: number;
  /** Statuses of answers other than 200. */
  refused: number[];
  /** Ends it: resolves when no call is under way. */
  stop(): Promise<void>;
}

/** Predicts on `connections` connections that are kept, each call after the one before; a call that breaks is made again. */
export function startLoad(
  port: number,
  connections: number,
  most = Number.POSITIVE_INFINITY,
): Load & { done: Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let isStopped = false;
  let begun = 0;
  const load = { answered: [] as string[], broken: 0, refused: [] as number[] };
  const body = JSON.stringify({ inputs: [row] });
  const call = () =>
    new Promise<void>((resolve) => {
      const asked = request(
        {
          port,
          host: '127.0.0.1',
          agent,
          method: 'POST',
          path: '/v1/models/nba/predict',
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', () => {
            load.broken += 1;
            resolve();
          });
          response.on('end', () => {
            if (response.statusCode === 200)
              for (const { prediction_id } of predicted.parse(JSON.parse(text)).predictions)
                load.answered.push(prediction_id);
            else load.refused.push(response.statusCode ?? 0);
            resolve();
          });
        },
      );
      asked.on('error', () => {
        load.broken += 1;
        // A server that is gone is asked again a little later.
        setTimeout(resolve, 5);
      });
      asked.end(body);
    });
  const client = async () => {
    while (!isStopped && begun < most) {
      begun += 1;
      await call();
    }
  };
  const done = Promise.all(Array.from({ length: connections }, client)).then(() => agent.destroy());
  return Object.assign(load, {
    done,
    async stop() {
      isStopped = true;
      await done;
    },
  });
}
