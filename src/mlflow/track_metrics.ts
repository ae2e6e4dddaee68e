import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { Database } from '../storage/database.ts';
import type { MlflowMeasurementRow, MlflowRunRow } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
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
 * @param now when the deployments were told: of later ones nothing is logged yet. Milliseconds since 1970.
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
    if (run.pending !== null)
      await sendPending(
        database,
        rest,
        run,
        readStored(metrics, run.pending, {
          table: 'mlflow_runs',
          column: 'pending',
          of: `the run of ${run.model_id} ${run.version} in MLflow`,
        }),
      );
    if (run.ended_at === null) await logServing(database, rest, run, now);
  }
  await logMeasurements(database, rest, now, signal);
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
    await logPoints(rest, run.run_id, points);
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

/** Measurements of one run that are logged in one call, at most. */
const pageSize = 1000;

/**
 * @param until only what was measured by then: what is later may be of a deployment that MLflow does not know yet.
 */
async function logMeasurements(
  database: Database,
  rest: Rest,
  until: number,
  signal: AbortSignal,
): Promise<void> {
  const rows = await database
    .selectFrom('mlflow_measurements')
    .selectAll()
    .where('at', '<=', until)
    .orderBy('measurement_id')
    .limit(pageSize)
    .execute();
  const byRun = new Map<string, { ids: string[]; points: Metric[] }>();
  const homeless: string[] = [];
  for (const row of rows) {
    const run = await runAt(database, row);
    // Of a version that is not deployed there is no run to log it in.
    if (run === undefined) {
      homeless.push(row.measurement_id);
      continue;
    }
    const own = byRun.get(run.run_id) ?? { ids: [], points: [] };
    byRun.set(run.run_id, own);
    own.ids.push(row.measurement_id);
    const step = Math.max(0, Math.floor((row.at - run.started_at) / minuteMs));
    for (const [key, value] of Object.entries(
      readStored(numbers, row.metrics, {
        table: 'mlflow_measurements',
        column: 'metrics',
        of: `${row.model_id} ${row.version}`,
      }),
    ))
      own.points.push({ key, value, timestamp: row.at, step });
  }
  await forget(database, homeless);
  for (const [runId, { ids, points }] of byRun) {
    if (signal.aborted) return;
    await logPoints(rest, runId, points).catch((error: unknown) => {
      if (!isRefused(error)) throw error;
    });
    await forget(database, ids);
  }
}

/** The deployment that a measurement is of. */
function runAt(database: Database, { model_id, version, at }: MlflowMeasurementRow) {
  return database
    .selectFrom('mlflow_runs')
    .select(['run_id', 'started_at'])
    .where('model_id', '=', model_id)
    .where('version', '=', version)
    .where('started_at', '<=', at)
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

async function forget(database: Database, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += batchSize)
    await database
      .deleteFrom('mlflow_measurements')
      .where('measurement_id', 'in', ids.slice(start, start + batchSize))
      .execute();
}

async function logPoints(rest: Rest, runId: string, points: readonly Metric[]): Promise<void> {
  for (let start = 0; start < points.length; start += batchSize)
    await rest.logBatch(runId, { metrics: points.slice(start, start + batchSize) });
}
