import { readAlertHealth } from '../alerts/index.ts';
import { checkModels, type ModelCheckDependencies, type ModelHealth } from './check_models.ts';
import {
  checkArtifacts,
  checkDatabase,
  checkDisk,
  checkInstallation,
  type StoreCheckDependencies,
} from './check_store.ts';
import type { HealthCheck, HealthStatus } from './health_status.ts';

export interface HealthDependencies extends StoreCheckDependencies, ModelCheckDependencies {
  directory: string;
}

/** Bytes of new or changed artifacts that are hashed while the caller waits: some milliseconds. */
const hashedAtOnce = 8e6;

/**
 * The health of the store and of every deployed version (of one model, when named).
 * @throws MODEL_NOT_FOUND
 */
export async function readHealth(
  dependencies: HealthDependencies,
  modelId: string | undefined,
): Promise<{ status: HealthStatus; checks: HealthCheck[]; models: ModelHealth[] }> {
  const store = await checkDatabase(dependencies);
  const checks = [store, await checkDisk(dependencies.directory), ...checkInstallation()];
  const allowance = { bytes: hashedAtOnce };
  const models = store.status !== 'unhealthy' ? await checkModels(dependencies, modelId, allowance) : [];
  if (store.status !== 'unhealthy') checks.push(await checkArtifacts(dependencies, allowance));
  if (store.status !== 'unhealthy')
    checks.push({ name: 'alerts', ...(await readAlertHealth(dependencies.database, modelId)) });
  const judged = [...checks, ...models].map(({ status }) => status);
  const status = worst(judged);
  const isUncalled =
    modelId !== undefined && models.length > 0 && models.every((model) => model.status === 'unknown');
  return { status: isUncalled && status !== 'unhealthy' ? 'unknown' : status, checks, models };
}

/** A model without calls is `unknown`, which does not make the overall status worse. */
function worst(statuses: readonly HealthStatus[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy';
  return statuses.includes('degraded') ? 'degraded' : 'healthy';
}
