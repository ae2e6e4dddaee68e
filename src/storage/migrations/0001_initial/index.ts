import type { Kysely } from 'kysely';
import { createAccess } from './access.ts';
import { createAlerts } from './alerts.ts';
import { createMlflow } from './mlflow.ts';
import { createMonitoring } from './monitoring.ts';
import { createPredictionLog } from './prediction_log.ts';
import { createRegistry } from './registry.ts';
import { createServing } from './serving.ts';
import { createStageRules } from './stage_rules.ts';
import { createStore } from './store.ts';

/** All tables of a store. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await createStore(database);
  await createRegistry(database);
  await createAccess(database);
  await createServing(database);
  await createPredictionLog(database);
  await createMonitoring(database);
  await createAlerts(database);
  await createMlflow(database);
  await createStageRules(database);
}
