import { z } from 'zod';
import type { Database } from '../storage/database.ts';
import type { AuditEntryRow } from '../storage/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type DeploymentEvent, deploymentEvent, type TrafficRoute } from './deployment_events.ts';
import { isRefused } from './mlflow_error.ts';
import type { Metric, Rest } from './rest.ts';
import type { Run } from './rest_answers.ts';
import { readSender } from './sender_row.ts';

export interface TrackDependencies {
  database: Database;
  rest: Rest;
  storeId: string;
  /** Id of the experiment that the runs belong to. */
  experiment: string;
  logger: Logger;
}

/** Entries that are read at once. */
const pageSize = 200;

export const deploymentTag = 'modelyard.deployment';

/**
 * Tells MLflow of the deployments and traffic changes that the audit trail has since the last time, in order. What
 * was told before an interruption is found by its tag, or is the same point of the same metric, and shows once.
 * @throws MlflowError; then it goes on from the same entry later
 */
export async function trackTrail(dependencies: TrackDependencies, signal: AbortSignal): Promise<void> {
  const { database } = dependencies;
  for (;;) {
    const { tracked_sequence: tracked } = await readSender(database);
    const entries = await database
      .selectFrom('audit_entries')
      .selectAll()
      .where('sequence', '>', tracked)
      .orderBy('sequence')
      .limit(pageSize)
      .execute();
    for (const entry of entries) {
      if (signal.aborted) return;
      const event = deploymentEvent(entry);
      if (event !== undefined && entry.model_id !== null)
        await tell(dependencies, { ...entry, model_id: entry.model_id }, event);
      await database.updateTable('mlflow_sender').set({ tracked_sequence: entry.sequence }).execute();
    }
    if (entries.length < pageSize) return;
  }
}

type Entry = AuditEntryRow & { model_id: string };

async function tell(dependencies: TrackDependencies, entry: Entry, event: DeploymentEvent): Promise<void> {
  switch (event.kind) {
    case 'deployed':
      await endRuns(dependencies, entry, event.version);
      await startRun(dependencies, entry, event.version);
      break;
    case 'failed':
      await recordFailure(dependencies, entry, event);
      return;
    case 'retired':
      await endRuns(dependencies, entry, event.version);
      break;
    case 'traffic':
      break;
  }
  if (event.route !== undefined) await tellTraffic(dependencies, entry, event.route);
}

/** Tells a run something; one that somebody deleted there would say no for ever, and is let go. */
async function tellRun(
  { logger }: TrackDependencies,
  { sequence }: Entry,
  told: Promise<unknown>,
): Promise<void> {
  try {
    await told;
  } catch (error) {
    if (!isRefused(error)) throw error;
    logger.warn('MLflow refused what an entry of the audit trail says', { sequence, why: error.message });
  }
}

async function findOrCreateRun(
  { rest, storeId, experiment }: TrackDependencies,
  entry: Entry,
  version: string,
): Promise<Run> {
  const key = `${storeId}/${entry.sequence}`;
  const [first, ...doubles] = await rest.runsTagged(experiment, deploymentTag, key);
  for (const double of doubles) await rest.deleteRun(double.info.run_id);
  return (
    first ??
    rest.createRun(experiment, `${entry.model_id} ${version} deployed`, entry.at, {
      [deploymentTag]: key,
      'modelyard.model': entry.model_id,
      'modelyard.version': version,
    })
  );
}

/** The arguments of the call, and what the version is. */
async function parametersOf(
  { database }: TrackDependencies,
  entry: Entry,
  version: string,
): Promise<[string, string][]> {
  const row = await database
    .selectFrom('versions')
    .select(['artifact_sha256', 'framework', 'algorithm'])
    .where('model_id', '=', entry.model_id)
    .where('version', '=', version)
    .executeTakeFirst();
  const given = z.record(z.string(), z.unknown()).catch({}).parse(JSON.parse(entry.arguments));
  const named = ['set_active', 'error_threshold', 'latency_threshold_ms', 'instances', 'source'].flatMap(
    (name) => (given[name] === undefined ? [] : [[name, textOf(given[name])] as [string, string]]),
  );
  return [
    ['model_id', entry.model_id],
    ['version', version],
    ['action', entry.action],
    ['by', entry.client === null ? entry.role : `${entry.role} (${entry.client})`],
    ...(row === undefined ? [] : [['artifact_sha256', row.artifact_sha256] as [string, string]]),
    ...(row?.framework == null ? [] : [['framework', row.framework] as [string, string]]),
    ...(row?.algorithm == null ? [] : [['algorithm', row.algorithm] as [string, string]]),
    ...named,
  ];
}

async function startRun(dependencies: TrackDependencies, entry: Entry, version: string): Promise<void> {
  const { database, rest } = dependencies;
  const { info } = await findOrCreateRun(dependencies, entry, version);
  await tellRun(
    dependencies,
    entry,
    rest.logBatch(info.run_id, {
      params: await parametersOf(dependencies, entry, version),
      tags: [['modelyard.outcome', 'ready']],
    }),
  );
  await database
    .insertInto('mlflow_runs')
    .values({
      run_id: info.run_id,
      model_id: entry.model_id,
      version,
      started_at: entry.at,
      ended_at: null,
      logged_until: entry.at,
      pending: null,
      outcomes_seen: null,
      outcomes_next_at: 0,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function recordFailure(
  dependencies: TrackDependencies,
  entry: Entry,
  { version, code, detail }: DeploymentEvent & { kind: 'failed' },
): Promise<void> {
  const { rest } = dependencies;
  const { info } = await findOrCreateRun(dependencies, entry, version);
  await tellRun(
    dependencies,
    entry,
    rest.logBatch(info.run_id, {
      params: await parametersOf(dependencies, entry, version),
      tags: [
        ['modelyard.outcome', code],
        ['modelyard.error', detail.slice(0, 2000)],
      ],
    }),
  );
  await tellRun(dependencies, entry, rest.endRun(info.run_id, 'FAILED', entry.at));
}

/** The runs of the version's earlier deployments end. */
async function endRuns(dependencies: TrackDependencies, entry: Entry, version: string): Promise<void> {
  const { database, rest } = dependencies;
  const open = await openRuns(database, entry.model_id);
  // A run of this very entry, from before an interruption, goes on.
  for (const { run_id } of open.filter((run) => run.version === version && run.started_at < entry.at)) {
    await tellRun(dependencies, entry, rest.endRun(run_id, 'FINISHED', entry.at));
    await database
      .updateTable('mlflow_runs')
      .set({ ended_at: entry.at })
      .where('run_id', '=', run_id)
      .execute();
  }
}

async function openRuns(database: Database, modelId: string) {
  return database
    .selectFrom('mlflow_runs')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('ended_at', 'is', null)
    .execute();
}

/** The whole configuration of a model's traffic. */
export function trafficTags({ weights, sticky, shadowVersion }: TrafficRoute): [string, string][] {
  return [
    ['modelyard.traffic', JSON.stringify(Object.fromEntries(weights))],
    ['modelyard.shadow', shadowVersion ?? ''],
    ...(sticky === undefined ? [] : [['modelyard.sticky', String(sticky)] as [string, string]]),
  ];
}

/** Each deployed version's run gets its weight as a metric over time, and the whole configuration as tags. */
async function tellTraffic(
  dependencies: TrackDependencies,
  entry: Entry,
  route: TrafficRoute,
): Promise<void> {
  const { database, rest } = dependencies;
  for (const run of await openRuns(database, entry.model_id)) {
    const weight = route.weights.find(([version]) => version === run.version)?.[1] ?? 0;
    const point = (key: string, value: number): Metric => ({
      key,
      value,
      timestamp: entry.at,
      step: entry.sequence,
    });
    const batch = {
      metrics: [
        point('traffic/weight', weight),
        point('traffic/shadow', route.shadowVersion === run.version ? 1 : 0),
      ],
      tags: trafficTags(route),
    };
    await tellRun(dependencies, entry, rest.logBatch(run.run_id, batch));
  }
}

function textOf(value: unknown): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 500);
}
