import { readRoute } from '../serving/stored_route.ts';
import type { Database } from '../storage/database.ts';
import { isRefused } from './mlflow_error.ts';
import type { Rest } from './rest.ts';
import type { Run } from './rest_answers.ts';
import { deploymentTag, type TrackDependencies, trafficTags } from './track_deployments.ts';

/**
 * Corrects what calls did that were carried out after they were given up: a deployment's second run, and outdated
 * traffic. Call it when no such call can arrive any more.
 *
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
      // For a failed deployment no run is stored here; the complete one has ended.
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
    // Somebody deleted the run in MLflow.
    if (!isRefused(error)) throw error;
  });
}
