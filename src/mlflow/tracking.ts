import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Connection } from './connection.ts';
import { recheckRuns } from './recheck_runs.ts';
import { restOf } from './rest.ts';
import { readSender } from './sender_row.ts';
import { trackTrail } from './track_deployments.ts';
import { areMetricsDue, trackMetrics } from './track_metrics.ts';

export interface Tracking {
  isDue(): Promise<boolean>;
  /** Sends what is due. @throws MlflowError */
  send(signal: AbortSignal): Promise<void>;
}

/** Deployments as runs of an experiment. */
export function tracking(options: {
  database: Database;
  connection: Connection;
  experimentName: string;
  logger: Logger;
  clock: () => number;
}): Tracking {
  const { database, connection, experimentName, logger, clock } = options;
  return {
    async isDue() {
      const now = clock();
      const { tracked_sequence, tracking_next_at, tracking_check_at } = await readSender(database);
      if (tracking_next_at > now) return false;
      if (tracking_check_at !== null && tracking_check_at <= now) return true;
      const head = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
      return head.sequence > Math.max(0, tracked_sequence) || areMetricsDue(database, now);
    },
    async send(signal) {
      const now = clock();
      const rest = restOf(connection, signal);
      const { store_id: storeId, tracking_check_at: checkAt } = await readSender(database);
      const experiment = await rest.experiment(experimentName);
      const dependencies = { database, rest, storeId, experiment, logger };
      await trackTrail(dependencies, signal);
      await trackMetrics(database, rest, now, signal);
      if (checkAt === null || checkAt > now || signal.aborted) return;
      await recheckRuns(dependencies);
      await database
        .updateTable('mlflow_sender')
        .set({ tracking_check_at: null })
        .where('tracking_check_at', '=', checkAt)
        .execute();
    },
  };
}
