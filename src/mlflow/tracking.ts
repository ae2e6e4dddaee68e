import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Connection } from './connection.ts';
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
      const sender = await readSender(database);
      const head = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
      if (head.sequence > Math.max(0, sender.tracked_sequence)) return true;
      return areMetricsDue(database, clock());
    },
    async send(signal) {
      const rest = restOf(connection, signal);
      const { store_id: storeId } = await readSender(database);
      const experiment = await rest.experiment(experimentName);
      await trackTrail({ database, rest, storeId, experiment, logger }, signal);
      await trackMetrics(database, rest, clock(), signal);
    },
  };
}
