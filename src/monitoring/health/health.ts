import { requireModel } from '../../registry/lookup.ts';
import { readAlertHealth } from '../alerts/index.ts';
import type { Allowance } from './artifact_watch.ts';
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
  const { database } = dependencies;
  const store = await checkDatabase(dependencies);
  const isAway = store.status === 'unhealthy';
  if (modelId !== undefined && !isAway) await requireModel(database, modelId);
  const allowance = { bytes: hashedAtOnce };
  const named = modelId === undefined ? undefined : [modelId];
  const models = isAway ? [] : await checkModels(dependencies, named, allowance);
  const checks = await checksOfStore(dependencies, store, allowance);
  if (!isAway) checks.push({ name: 'alerts', ...(await readAlertHealth(database, modelId)) });
  const judged = [...checks, ...models].map(({ status }) => status);
  const status = worst(judged);
  const inUse = models.filter(({ isOutOfUse }) => !isOutOfUse);
  const isUncalled =
    modelId !== undefined && inUse.length > 0 && inUse.every((model) => model.status === 'unknown');
  return { status: isUncalled && status !== 'unhealthy' ? 'unknown' : status, checks, models };
}

async function checksOfStore(
  dependencies: HealthDependencies,
  store: HealthCheck,
  allowance: Allowance,
): Promise<HealthCheck[]> {
  const checks = [store, await checkDisk(dependencies.directory), ...checkInstallation()];
  if (store.status !== 'unhealthy') checks.push(await checkArtifacts(dependencies, allowance));
  return checks;
}

/** The health of the store alone: database, disk, installation, artifacts. */
export async function readStoreHealth(dependencies: HealthDependencies): Promise<HealthCheck[]> {
  return checksOfStore(dependencies, await checkDatabase(dependencies), { bytes: hashedAtOnce });
}

/** A model without calls is `unknown`, which does not make the overall status worse. */
function worst(statuses: readonly HealthStatus[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy';
  return statuses.includes('degraded') ? 'degraded' : 'healthy';
}

/** Each deployed version of some models, as health_check judges it. */
export function readModelsHealth(
  dependencies: HealthDependencies,
  modelIds: readonly string[],
): Promise<ModelHealth[]> {
  return checkModels(dependencies, modelIds, { bytes: hashedAtOnce });
}
