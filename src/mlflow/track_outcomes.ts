import type { Database } from '../storage/database.ts';
import type { MlflowRunRow } from '../storage/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { keepMeasurement } from './track_metrics.ts';

/**
 * How well a version answered from `since` (inclusive) to `until` (exclusive), where it is known what really was:
 * metrics by name, or undefined where there is nothing to say.
 */
export type OutcomeMeasurer = (
  modelId: string,
  version: string,
  time: { since: number; until: number },
) => Promise<Record<string, number> | undefined>;

export interface OutcomeDependencies {
  database: Database;
  measure: OutcomeMeasurer;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Between two measurements of a version, milliseconds; where measuring takes long, ten times as long as it took. */
  intervalMs: number;
  logger: Logger;
}

export interface OutcomeTracking {
  /** Measures what is due. Never throws. */
  look(): Promise<void>;
  /** Waits for what is being measured, and measures nothing more. */
  close(): Promise<void>;
}

/** As the alerts and get_performance look at it. */
const windowMs = 24 * 3_600_000;
const restFactor = 10;
/** Longer than measuring takes: when the process that does it was killed, another has its turn. */
const claimMs = 300_000;

/** Measures the outcomes of deployed versions, each by one process of the store, when there are new ones. */
export function trackOutcomes(dependencies: OutcomeDependencies): OutcomeTracking {
  const { database, clock, logger } = dependencies;
  let closed = false;
  let running: Promise<void> | undefined;

  const lookAtAll = async () => {
    const runs = await database
      .selectFrom('mlflow_runs')
      .selectAll()
      .where('ended_at', 'is', null)
      .where('outcomes_next_at', '<=', clock())
      .orderBy('outcomes_next_at')
      .execute();
    for (const run of runs) {
      if (closed) return;
      await measureRun(dependencies, run).catch((error: unknown) => {
        if (!closed)
          logger.warn('the outcomes of a version could not be measured for MLflow', {
            model_id: run.model_id,
            version: run.version,
            error,
          });
      });
    }
  };

  return {
    look() {
      running ??= lookAtAll()
        .catch((error: unknown) => {
          if (!closed) logger.warn('outcomes are not tracked in MLflow', { error });
        })
        .finally(() => {
          running = undefined;
        });
      return running;
    },
    async close() {
      closed = true;
      await running;
    },
  };
}

async function measureRun(
  { database, measure, clock, intervalMs }: OutcomeDependencies,
  run: MlflowRunRow,
): Promise<void> {
  const began = clock();
  const since = began - windowMs;
  const seen = await outcomesOf(database, run, since);
  if (seen === undefined || seen === run.outcomes_seen) return;
  const { numUpdatedRows: claimed } = await database
    .updateTable('mlflow_runs')
    .set({ outcomes_next_at: began + claimMs })
    .where('run_id', '=', run.run_id)
    .where('outcomes_next_at', '=', run.outcomes_next_at)
    .executeTakeFirst();
  // Another process is at it.
  if (claimed === 0n) return;
  const metrics = await measure(run.model_id, run.version, { since, until: began });
  const ended = clock();
  await database.transaction().execute(async (transaction) => {
    await transaction
      .updateTable('mlflow_runs')
      .set({
        outcomes_seen: seen,
        outcomes_next_at: ended + Math.max(intervalMs, restFactor * (ended - began)),
      })
      .where('run_id', '=', run.run_id)
      .execute();
    if (metrics !== undefined)
      await keepMeasurement(transaction, {
        modelId: run.model_id,
        version: run.version,
        at: began,
        metrics,
      });
  });
}

/** Changes when the known outcomes do; undefined where there are none. One small read, which opens no segment. */
async function outcomesOf(
  database: Database,
  { model_id, version }: MlflowRunRow,
  since: number,
): Promise<string | undefined> {
  const { outcomes, revisions } = await database
    .selectFrom('prediction_segments')
    .select((eb) => [
      eb.fn.sum<number | null>('outcomes').as('outcomes'),
      eb.fn.sum<number | null>('revision').as('revisions'),
    ])
    .where('model_id', '=', model_id)
    .where('version', '=', version)
    .where('max_at', '>=', since)
    .where('outcomes', '>', 0)
    .executeTakeFirstOrThrow();
  return outcomes === null ? undefined : `${outcomes} ${revisions}`;
}
