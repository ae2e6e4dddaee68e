import type { AlertMessage } from '../../../src/monitoring/alerts/alert_message.ts';
import {
  type AlertWatch,
  type AlertWatchDependencies,
  createAlertWatch,
} from '../../../src/monitoring/alerts/alert_watch.ts';
import { gatherEvidence } from '../../../src/monitoring/alerts/evidence.ts';
import { openPredictionLog, type PredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import type { Database } from '../../../src/storage/database.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { answered, failed } from '../../prediction_log/entries.ts';
import { deployRow, seeder } from '../../registry/seed.ts';
import type { TestDatabase } from '../../storage/databases.ts';

export const intervalMs = 60_000;

/** One server process: its own handle on the database, its part in the watch, what it told its client and logged. */
export interface WatchingProcess {
  database: Database;
  watch: AlertWatch;
  told: AlertMessage[];
  logged: [level: string, message: string, fields: Record<string, unknown> | undefined][];
}

/** A store that processes watch, with a clock of its own. */
export interface WatchedStore {
  database: Database;
  log: PredictionLog;
  now(): number;
  /** Lets the time pass. */
  pass(milliseconds: number): void;
  start(given?: Partial<AlertWatchDependencies>): Promise<WatchingProcess>;
  /** A deployed version that gets all the traffic, never called. */
  deploy(modelId: string, ...versions: string[]): Promise<void>;
  /** Calls answered and failed now. */
  serve(modelId: string, counts: { answered?: number; failed?: number; latencyMs?: number }): Promise<void>;
  /** Ends everything: what the version does is nobody's concern any more. */
  retire(modelId: string): Promise<void>;
}

export async function openWatchedStore(store: TestDatabase): Promise<WatchedStore> {
  const { directory } = store.address;
  const { database } = await store.open();
  const seed = seeder(database, directory);
  let now = Date.UTC(2026, 0, 31);
  const clock = () => now;
  const silent = recorder([]);
  const log = openPredictionLog({ ...store.address, database, logger: silent });
  return {
    database,
    log,
    now: clock,
    pass(milliseconds) {
      now += milliseconds;
    },
    async start(given = {}) {
      const { database: own } = await store.open();
      const told: AlertMessage[] = [];
      const logged: WatchingProcess['logged'] = [];
      const watch = await createAlertWatch({
        database: own,
        logger: recorder(logged),
        clock,
        random: () => 0.5,
        intervalMs,
        flushLog: log.flush,
        gather: (request) => gatherEvidence(own, request, clock),
        thresholds: { errorRate: 0.1, latencyMs: 1000, drift: 0.05, missing: 0.02, performance: 0.1 },
        webhook: undefined,
        ...given,
      });
      watch.subscribe((message) => told.push(message));
      return { database: own, watch, told, logged };
    },
    async deploy(modelId, ...versions) {
      const weight = 1 / versions.length;
      for (const version of versions) {
        await seed({ modelId, version });
        await database.insertInto('deployments').values(deployRow(modelId, version)).execute();
      }
      await database
        .insertInto('routes')
        .values({
          model_id: modelId,
          active_version: versions[0] ?? '',
          weights: JSON.stringify(versions.map((version) => [version, weight])),
          sticky: 1,
          shadow_version: null,
          changed_at: now,
          changed_by: 'operator',
        })
        .execute();
    },
    async serve(modelId, counts) {
      const latencyMs = counts.latencyMs ?? 5;
      const entries = [
        ...Array.from({ length: counts.answered ?? 0 }, () => answered({ modelId, at: now, latencyMs })),
        ...Array.from({ length: counts.failed ?? 0 }, () => failed({ modelId, at: now, latencyMs })),
      ];
      await Promise.all(entries.map(log.append));
    },
    async retire(modelId) {
      await database.deleteFrom('routes').where('model_id', '=', modelId).execute();
      await database.deleteFrom('deployments').where('model_id', '=', modelId).execute();
    },
  };
}

function recorder(logged: WatchingProcess['logged']): Logger {
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    logged.push([level, message, fields]);
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    close: async () => undefined,
  };
}
