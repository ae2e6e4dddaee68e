import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { Database } from '../storage/database.ts';
import type { MlflowRunRow } from '../storage/schema.ts';
import { isRefused } from './mlflow_error.ts';
import type { Metric, Rest } from './rest.ts';
import { minuteMs, servingMetrics } from './serving_metrics.ts';

/** A minute is logged when this much has passed since its end: by then every process has moved its journal. */
const settleMs = 30_000;
/** Most metrics in one call. */
const batchSize = 900;
/** Further back than this nothing is logged, milliseconds: a run that begins late has its last day. */
const longestMs = 86_400_000;

const metrics = z.array(
  z.object({ key: z.string(), value: z.number(), timestamp: z.number(), step: z.number() }),
);
const numbers = z.record(z.string(), z.number());

/** The end of the last minute that is complete. */
function completeUntil(now: number): number {
  return Math.floor((now - settleMs) / minuteMs) * minuteMs;
}

/** Whether there is something to log. */
export async function areMetricsDue(database: Database, now: number): Promise<boolean> {
  const run = await database
    .selectFrom('mlflow_runs')
    .select('run_id')
    .where((eb) =>
      eb.or([
        eb('pending', 'is not', null),
        eb.and([eb('ended_at', 'is', null), eb('logged_until', '<', completeUntil(now))]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  if (run !== undefined) return true;
  const measured = await database
    .selectFrom('mlflow_measurements')
    .select('measurement_id')
    .limit(1)
    .executeTakeFirst();
  return measured !== undefined;
}

/**
 * Logs what the deployed versions served since the last time, a point a minute, and what monitoring measured.
 * What is to be sent is kept first: after an interruption exactly the same is sent again, which MLflow keeps once.
 * @throws MlflowError
 */
export async function trackMetrics(
  database: Database,
  rest: Rest,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const runs = await database
    .selectFrom('mlflow_runs')
    .selectAll()
    .where((eb) => eb.or([eb('pending', 'is not', null), eb('ended_at', 'is', null)]))
    .execute();
  for (const run of runs) {
    if (signal.aborted) return;
    if (run.pending !== null) await sendPending(database, rest, run, metrics.parse(JSON.parse(run.pending)));
    if (run.ended_at === null) await logServing(database, rest, run, now);
  }
  await logMeasurements(database, rest, signal);
}

async function logServing(database: Database, rest: Rest, run: MlflowRunRow, now: number): Promise<void> {
  const until = completeUntil(now);
  const since = Math.max(run.logged_until, run.started_at - minuteMs, now - longestMs);
  if (until <= since) return;
  const rows = await database
    .selectFrom('serving_minutes')
    .select(['minute', 'calls', 'errors', 'latency'])
    .where('model_id', '=', run.model_id)
    .where('version', '=', run.version)
    .where('minute', '>=', Math.floor(since / minuteMs) * minuteMs)
    .where('minute', '<', until)
    .execute();
  const points = servingMetrics(run.started_at, rows);
  await database
    .updateTable('mlflow_runs')
    .set({ logged_until: until, pending: points.length === 0 ? null : JSON.stringify(points) })
    .where('run_id', '=', run.run_id)
    .execute();
  if (points.length > 0) await sendPending(database, rest, run, points);
}

async function sendPending(
  database: Database,
  rest: Rest,
  run: MlflowRunRow,
  points: readonly Metric[],
): Promise<void> {
  try {
    for (let start = 0; start < points.length; start += batchSize)
      await rest.logBatch(run.run_id, { metrics: points.slice(start, start + batchSize) });
  } catch (error) {
    // Somebody deleted the run there: nobody wants its metrics.
    if (!isRefused(error)) throw error;
    await database.deleteFrom('mlflow_runs').where('run_id', '=', run.run_id).execute();
    return;
  }
  await database.updateTable('mlflow_runs').set({ pending: null }).where('run_id', '=', run.run_id).execute();
}

/** Keeps what monitoring measured of a version until it is logged. */
export async function keepMeasurement(
  database: Database,
  measured: { modelId: string; version: string; at: number; metrics: Record<string, number> },
): Promise<void> {
  await database
    .insertInto('mlflow_measurements')
    .values({
      measurement_id: uuidv7(),
      model_id: measured.modelId,
      version: measured.version,
      at: measured.at,
      metrics: JSON.stringify(measured.metrics),
    })
    .execute();
}

async function logMeasurements(database: Database, rest: Rest, signal: AbortSignal): Promise<void> {
  const rows = await database
    .selectFrom('mlflow_measurements')
    .selectAll()
    .orderBy('measurement_id')
    .limit(1000)
    .execute();
  for (const row of rows) {
    if (signal.aborted) return;
    const run = await database
      .selectFrom('mlflow_runs')
      .select(['run_id', 'started_at'])
      .where('model_id', '=', row.model_id)
      .where('version', '=', row.version)
      .where('started_at', '<=', row.at)
      .orderBy('started_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    // Of a version that is not deployed there is no run to log it in.
    if (run !== undefined) {
      const step = Math.max(0, Math.floor((row.at - run.started_at) / minuteMs));
      const points = Object.entries(numbers.parse(JSON.parse(row.metrics)));
      await rest
        .logBatch(run.run_id, {
          metrics: points.map(([key, value]) => ({ key, value, timestamp: row.at, step })),
        })
        .catch((error: unknown) => {
          if (!isRefused(error)) throw error;
        });
    }
    await database
      .deleteFrom('mlflow_measurements')
      .where('measurement_id', '=', row.measurement_id)
      .execute();
  }
}
