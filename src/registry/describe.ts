import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { StageTransitionRow } from '../storage/schema.ts';
import { type Alias, readAliases } from './aliases.ts';
import { type GatePolicy, type GuardedStage, readGatePolicies } from './gate_policy.ts';
import { isOneOf, readLineage, showReference, type VersionReference } from './lineage.ts';
import { findVersionName, requireModel } from './lookup.ts';
import type { Stage } from './stages.ts';
import { parseTags } from './update.ts';
import { type VersionHead, type VersionRecord, versionRecord } from './version_record.ts';

/** @typeParam Told what is told of the version itself: all, or what lists show */
export interface DescribedVersion<Told extends VersionHead = VersionRecord> {
  record: Told;
  metrics: Record<string, number>;
  tags: Record<string, string>;
  aliases: string[];
  deployedAt: number | undefined;
  /** The versions it was derived from: `version`, or `model:version` of another model. */
  parents: string[];
}

interface StageTransition {
  transitionId: string;
  version: string;
  /** 1, 2, 3 … for each version. */
  sequence: number;
  kind: StageTransitionRow['kind'];
  /** Whether a gate that failed was overridden. */
  forced: boolean;
  fromStage: string;
  toStage: string;
  at: number;
  by: string;
  reason: string | null;
}

export interface DescribedModel {
  createdAt: number;
  description: string | null;
  tags: Record<string, string>;
  aliases: Alias[];
  /** What a version must pass to enter a stage. */
  gates: Partial<Record<GuardedStage, GatePolicy>>;
  /** How many versions match the filter; `versions` holds the newest of them. */
  totalVersions: number;
  versions: DescribedVersion[];
  /** What cannot be read of versions that would be listed; those are left out. */
  faults: string[];
  stageHistory: StageTransition[];
  /** Ancestors and descendants of the versions shown; of another model as `model:version`. */
  lineage: { parent: string; child: string; parentDeleted: boolean }[];
  /** Whether there are more generations or steps than are listed. */
  lineageTruncated: boolean;
}

const lineageLimits = { generations: 5, steps: 50 };

/** Which versions are listed: one, those in a stage, or the newest. */
export interface VersionFilter {
  version?: string | undefined;
  stage?: Stage | undefined;
  limit: number;
}

/**
 * Everything about one model: its newest versions (or the one asked for, by name or alias, or those in a stage),
 * aliases, stage history and lineage.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND
 */
export async function describeModel(
  database: Database,
  modelId: string,
  filter: VersionFilter,
): Promise<DescribedModel> {
  const model = await requireModel(database, modelId);
  const version = filter.version && (await findVersionName(database, modelId, filter.version));
  let selected = database.selectFrom('versions').where('model_id', '=', modelId);
  if (version !== undefined) selected = selected.where('version', '=', version);
  if (filter.stage !== undefined) selected = selected.where('stage', '=', filter.stage);
  const { total } = await selected
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const newest = selected.select('number').orderBy('number', 'desc').limit(filter.limit);
  const rows = await database
    .selectFrom('versions')
    .selectAll()
    .where('number', 'in', newest)
    .orderBy('number', 'desc')
    .execute();
  const faults: string[] = [];
  const records = rows.flatMap((row) => {
    try {
      return versionRecord(row);
    } catch (error) {
      if (!(error instanceof ModelYardError) || version !== undefined) throw error;
      faults.push(error.message);
      return [];
    }
  });
  const shown = rows.map((row) => ({ modelId, version: row.version }));
  const [versions, aliases, gates, stageHistory, lineage] = await Promise.all([
    describeVersions(database, records),
    readAliases(database, modelId),
    readGatePolicies(database, modelId),
    readStageHistory(database, modelId, version, filter.limit),
    readLineage(database, shown, lineageLimits),
  ]);
  return {
    createdAt: model.created_at,
    description: model.description,
    tags: parseTags(modelId, model.tags),
    aliases,
    gates,
    totalVersions: Number(total),
    versions,
    faults,
    stageHistory,
    lineage: lineage.derivations.map(({ parent, child }) => ({
      parent: showReference(parent, modelId),
      child: showReference(child, modelId),
      parentDeleted: lineage.deleted.has(`${parent.modelId}:${parent.version}`),
    })),
    lineageTruncated: lineage.truncated,
  };
}

async function readStageHistory(
  database: Database,
  modelId: string,
  version: string | undefined,
  limit: number,
): Promise<StageTransition[]> {
  let transitions = database.selectFrom('stage_transitions').selectAll().where('model_id', '=', modelId);
  if (version !== undefined) transitions = transitions.where('version', '=', version);
  const rows = await transitions
    .orderBy('revision', 'desc')
    .orderBy('transition_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    transitionId: row.transition_id,
    version: row.version,
    sequence: row.sequence,
    kind: row.kind,
    forced: row.forced === 1,
    fromStage: row.from_stage,
    toStage: row.to_stage,
    at: row.at,
    by: row.by,
    reason: row.reason,
  }));
}

/** Adds metrics, tags, aliases, parents and the time of deployment to versions of any models, in five queries. */
export async function describeVersions<Told extends VersionHead>(
  database: Database,
  records: readonly Told[],
): Promise<DescribedVersion<Told>[]> {
  if (records.length === 0) return [];
  const isShown = isOneOf(['model_id', 'version'], records);
  const numbers = records.map(({ number }) => number);
  const [metrics, tags, aliases, parents, deployments] = await Promise.all([
    database
      .selectFrom('version_metrics')
      .selectAll()
      .where('number', 'in', numbers)
      .orderBy('name')
      .execute(),
    database.selectFrom('version_tags').selectAll().where('number', 'in', numbers).orderBy('name').execute(),
    database.selectFrom('aliases').selectAll().where(isShown).orderBy('alias').execute(),
    database
      .selectFrom('version_parents')
      .selectAll()
      .where(isShown)
      .orderBy('parent_model_id')
      .orderBy('parent_version')
      .execute(),
    database
      .selectFrom('deployments')
      .select(['model_id', 'version', 'deployed_at'])
      .where(isShown)
      .execute(),
  ]);
  return records.map((record) => {
    const isOfRecord = (row: { model_id: string; version: string }) =>
      row.model_id === record.modelId && row.version === record.version;
    const ofRecord = <Row extends { model_id: string; version: string }>(rows: readonly Row[]) =>
      rows.filter(isOfRecord);
    const named = <Value>(rows: readonly { number: number; name: string; value: Value }[]) =>
      Object.fromEntries(
        rows.filter(({ number }) => number === record.number).map(({ name, value }) => [name, value]),
      );
    return {
      record,
      metrics: named(metrics),
      tags: named(tags),
      aliases: ofRecord(aliases).map(({ alias }) => alias),
      deployedAt: deployments.find(isOfRecord)?.deployed_at,
      parents: ofRecord(parents).map((row) => showReference(parentOf(row), row.model_id)),
    };
  });
}

function parentOf(row: { parent_model_id: string; parent_version: string }): VersionReference {
  return { modelId: row.parent_model_id, version: row.parent_version };
}
