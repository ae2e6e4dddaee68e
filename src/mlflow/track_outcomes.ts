import type { Database } from '../storage/database.ts';
import type { MlflowRunRow } from '../storage/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { inRounds, type Rounds } from './rounds.ts';
import { keepMeasurement } from './track_metrics.ts';

/**
 * How well a version answered from `since` (inclusive) to `until` (exclusive), by the predictions whose actual value is known:
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

/** As the alerts and get_performance look at it. */
const windowMs = 24 * 3_600_000;
const restFactor = 10;
/** Longer than measuring takes: when the process that does it was killed, another has its turn. */
const claimMs = 300_000;

/** Measures the outcomes of deployed versions, each by one process of the store, when there are new ones. */
export function trackOutcomes(dependencies: OutcomeDependencies): Rounds {
  const { database, clock, logger } = dependencies;
  const list = () =>
    database
      .selectFrom('mlflow_runs')
      .selectAll()
      .where('ended_at', 'is', null)
      .where('outcomes_next_at', '<=', clock())
      .orderBy('outcomes_next_at')
      .execute();
  return inRounds(
    list,
    (run) => measureRun(dependencies, run),
    logger,
    'the outcomes of a version could not be measured',
  );
}

async function measureRun(
  { database, measure, clock, intervalMs }: OutcomeDependencies,
  run: MlflowRunRow,
): Promise<void> {
  const began = clock();
  const since = began - windowMs;
  const seen = await outcomesOf(database, run.model_id, [run.version], since);
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
export async function outcomesOf(
  database: Database,
  modelId: string,
  versions: readonly string[],
  since: number,
): Promise<string | undefined> {
  const { outcomes, revisions } = await database
    .selectFrom('prediction_segments')
    .select((eb) => [
      eb.fn.sum<number | null>('outcomes').as('outcomes'),
      eb.fn.sum<number | null>('revision').as('revisions'),
    ])
    .where('model_id', '=', modelId)
    .where('version', 'in', versions)
    .where('max_at', '>=', since)
    .where('outcomes', '>', 0)
    .executeTakeFirstOrThrow();
  return outcomes === null ? undefined : `${outcomes} ${revisions}`;
}
