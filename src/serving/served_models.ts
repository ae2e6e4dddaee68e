import { ModelYardError } from '../errors.ts';
import { findVersion, requireModel } from '../registry/lookup.ts';
import { type VersionRecord, versionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { EngineModel } from './engine/engine.ts';
import type { RouteKind } from './prediction_sink.ts';

/** What is deployed of a model, and which version has the traffic. */
export interface ServedModel {
  activeVersion: string | undefined;
  versions: ReadonlyMap<string, VersionRecord>;
}

/** How old the knowledge of a route may be: other processes see a change within this time. */
const freshForMs = 500;

export interface ServedModels {
  /** The served versions of a model, at most 500 ms old; empty when nothing is deployed. */
  read(modelId: string): Promise<ServedModel>;
  /** Forgets what is known of a model, after a change made here. */
  forget(modelId: string): void;
}

export function servedModels(database: Database): ServedModels {
  const known = new Map<string, { model: Promise<ServedModel>; readAt: number }>();
  return {
    read(modelId) {
      const entry = known.get(modelId);
      if (entry !== undefined && performance.now() - entry.readAt < freshForMs) return entry.model;
      const model = readServedModel(database, modelId);
      known.set(modelId, { model, readAt: performance.now() });
      model.catch(() => known.delete(modelId));
      return model;
    },
    forget: (modelId) => {
      known.delete(modelId);
    },
  };
}

async function readServedModel(database: Database, modelId: string): Promise<ServedModel> {
  const rows = await database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .selectAll('versions')
    .select('routes.active_version')
    .where('deployments.model_id', '=', modelId)
    .execute();
  return {
    activeVersion: rows[0]?.active_version ?? undefined,
    versions: new Map(rows.map((row) => [row.version, versionRecord(row)])),
  };
}

/** The version that answers a call, by the route or by the caller's pin; undefined when none can. */
export function chooseVersion(
  model: ServedModel,
  pinned: string | undefined,
): { record: VersionRecord; route: RouteKind } | undefined {
  const version = pinned ?? model.activeVersion;
  const record = version === undefined ? undefined : model.versions.get(version);
  return record && { record, route: pinned === undefined ? 'active' : 'pinned' };
}

/** Why `chooseVersion` found none: throws MODEL_NOT_FOUND, VERSION_NOT_FOUND or NOT_DEPLOYED. */
export async function explainNotServed(
  database: Database,
  modelId: string,
  pinned: string | undefined,
  model: ServedModel,
): Promise<never> {
  if (pinned === undefined) await requireModel(database, modelId);
  else await findVersion(database, modelId, pinned);
  const deployed = [...model.versions.keys()];
  const beside = deployed.length > 0 ? ` Deployed: ${deployed.join(', ')}.` : '';
  throw new ModelYardError(
    'NOT_DEPLOYED',
    pinned === undefined ? `No version of ${modelId} is active.` : `${modelId} ${pinned} is not deployed.`,
    `Call deploy_model with the version${pinned === undefined ? ' and set_active=true' : ''}.${beside}`,
  );
}

export function engineModel(record: VersionRecord): EngineModel {
  return {
    key: `${record.modelId}@${record.version}`,
    artifact: record.artifact,
    inputs: record.signature.inputs,
    outputs: record.signature.outputs,
  };
}
