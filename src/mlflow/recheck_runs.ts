import { readRoute } from '../serving/routes.ts';
import type { Database } from '../storage/database.ts';
import { isRefused } from './mlflow_error.ts';
import type { Rest, Run } from './rest.ts';
import { deploymentTag, type TrackDependencies, trafficTags } from './track_deployments.ts';

/**
 * Puts right what calls did that were carried out after they were given up: a deployment's run that was made twice,
 * and traffic as it was before. To be called when they no longer can be.
 * @throws MlflowError
 */
export async function recheckRuns({ database, rest, storeId, experiment }: TrackDependencies): Promise<void> {
  const open = await database.selectFrom('mlflow_runs').select(['run_id', 'model_id', 'ended_at']).execute();
  const known = new Set(open.map(({ run_id }) => run_id));
  const byDeployment = new Map<string, Run[]>();
  for (const run of await rest.runsTaggedLike(experiment, deploymentTag, `${storeId}/%`)) {
    const key = run.data.tags.get(deploymentTag) ?? '';
    byDeployment.set(key, [...(byDeployment.get(key) ?? []), run]);
  }
  for (const runs of byDeployment.values()) {
    const kept =
      runs.find(({ info }) => known.has(info.run_id)) ??
      // Of a deployment that failed no run is kept here; the one that was told everything has ended.
      runs.find(({ info }) => info.status !== 'RUNNING') ??
      runs[0];
    for (const run of runs) if (run !== kept) await rest.deleteRun(run.info.run_id);
  }
  for (const { run_id, model_id } of open.filter(({ ended_at }) => ended_at === null))
    await tellRoute(database, rest, run_id, model_id);
}

async function tellRoute(database: Database, rest: Rest, runId: string, modelId: string): Promise<void> {
  const route = await readRoute(database, modelId);
  if (route === undefined) return;
  await rest.logBatch(runId, { tags: trafficTags(route) }).catch((error: unknown) => {
    // Somebody deleted the run there.
    if (!isRefused(error)) throw error;
  });
}
