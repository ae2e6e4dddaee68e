import type { Database } from '../storage/database.ts';
import { findVersion, requireModel } from './lookup.ts';
import type { Stage } from './stages.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

export interface DescribedVersion {
  record: VersionRecord;
  metrics: Record<string, number>;
  tags: Record<string, string>;
  deployedAt: number | undefined;
  /** The versions it was derived from: `version`, or `model:version` of another model. */
  parents: string[];
}

export interface StageTransition {
  transitionId: string;
  version: string;
  fromStage: string;
  toStage: string;
  at: number;
  by: string;
  reason: string | null;
}

export interface DescribedModel {
  createdAt: number;
  /** How many versions there are of the kind asked for; `versions` holds the newest of them. */
  totalVersions: number;
  versions: DescribedVersion[];
  stageHistory: StageTransition[];
  /** Parent to child, for every version with a parent. */
  lineage: { parent: string; child: string }[];
}

/**
 * Everything about one model: its newest versions (or the one asked for, or those in a stage), stage
 * history and lineage.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND
 */
export async function describeModel(
  database: Database,
  modelId: string,
  filter: { version?: string | undefined; stage?: Stage | undefined; limit: number },
): Promise<DescribedModel> {
  await requireModel(database, modelId);
  if (filter.version !== undefined) await findVersion(database, modelId, filter.version);
  let selected = database.selectFrom('versions').where('model_id', '=', modelId);
  if (filter.version !== undefined) selected = selected.where('version', '=', filter.version);
  if (filter.stage !== undefined) selected = selected.where('stage', '=', filter.stage);
  const { total } = await selected
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const rows = await selected
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('version', 'desc')
    .limit(filter.limit)
    .execute();
  let transitions = database.selectFrom('stage_transitions').selectAll().where('model_id', '=', modelId);
  if (filter.version !== undefined) transitions = transitions.where('version', '=', filter.version);
  const [model, versions, history, lineage] = await Promise.all([
    database
      .selectFrom('models')
      .select('created_at')
      .where('model_id', '=', modelId)
      .executeTakeFirstOrThrow(),
    describeVersions(database, rows.map(versionRecord)),
    transitions.orderBy('revision', 'desc').orderBy('transition_id', 'desc').limit(filter.limit).execute(),
    database
      .selectFrom('version_parents')
      .select(['version', 'parent_version'])
      .where('model_id', '=', modelId)
      .where('parent_model_id', '=', modelId)
      .orderBy('version', 'desc')
      .limit(filter.limit)
      .execute(),
  ]);
  return {
    createdAt: model.created_at,
    totalVersions: Number(total),
    versions,
    stageHistory: history.map((row) => ({
      transitionId: row.transition_id,
      version: row.version,
      fromStage: row.from_stage,
      toStage: row.to_stage,
      at: row.at,
      by: row.by,
      reason: row.reason,
    })),
    lineage: lineage.map((row) => ({ parent: row.parent_version, child: row.version })),
  };
}

/** Adds metrics, tags and the time of deployment to versions of any models, in three queries. */
export async function describeVersions(
  database: Database,
  records: readonly VersionRecord[],
): Promise<DescribedVersion[]> {
  if (records.length === 0) return [];
  const models = [...new Set(records.map((record) => record.modelId))];
  const versions = [...new Set(records.map((record) => record.version))];
  const [metrics, tags, parents, deployments] = await Promise.all([
    database
      .selectFrom('version_metrics')
      .selectAll()
      .where('model_id', 'in', models)
      .where('version', 'in', versions)
      .orderBy('name')
      .execute(),
    database
      .selectFrom('version_tags')
      .selectAll()
      .where('model_id', 'in', models)
      .where('version', 'in', versions)
      .orderBy('name')
      .execute(),
    database
      .selectFrom('version_parents')
      .selectAll()
      .where('model_id', 'in', models)
      .where('version', 'in', versions)
      .orderBy('parent_model_id')
      .orderBy('parent_version')
      .execute(),
    database
      .selectFrom('deployments')
      .select(['model_id', 'version', 'deployed_at'])
      .where('model_id', 'in', models)
      .where('version', 'in', versions)
      .execute(),
  ]);
  return records.map((record) => {
    const isOfRecord = (row: { model_id: string; version: string }) =>
      row.model_id === record.modelId && row.version === record.version;
    return {
      record,
      metrics: Object.fromEntries(metrics.filter(isOfRecord).map((row) => [row.name, row.value])),
      tags: Object.fromEntries(tags.filter(isOfRecord).map((row) => [row.name, row.value])),
      deployedAt: deployments.find(isOfRecord)?.deployed_at,
      parents: parents
        .filter(isOfRecord)
        .map((row) =>
          row.parent_model_id === row.model_id
            ? row.parent_version
            : `${row.parent_model_id}:${row.parent_version}`,
        ),
    };
  });
}
