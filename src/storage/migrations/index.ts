import type { Migration } from 'kysely';
import * as initial from './0001_initial.ts';
import * as registry from './0002_registry.ts';
import * as predictionLog from './0003_prediction_log.ts';
import * as mlflow from './0004_mlflow.ts';
import * as alerts from './0005_alerts.ts';
import * as references from './0006_references.ts';
import * as online from './0007_online.ts';
import * as search from './0008_search.ts';
import * as mlflowTracking from './0009_mlflow_tracking.ts';

/** All migrations in the order of their names. One that was released is never edited: add another. */
export const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_registry': registry,
  '0003_prediction_log': predictionLog,
  '0004_mlflow': mlflow,
  '0005_alerts': alerts,
  '0006_references': references,
  '0007_online': online,
  '0008_search': search,
  '0009_mlflow_tracking': mlflowTracking,
};
