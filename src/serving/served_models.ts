import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { readAliases } from '../registry/aliases.ts';
import { findVersion, requireModel } from '../registry/lookup.ts';
import { type VersionRecord, versionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { type BreakerPolicy, defaultBreakerPolicy, type SharedBreaker } from './breaker.ts';
import type { EngineModel } from './engine/engine.ts';
import type { Route } from './routing.ts';

/** A deployed version, with what calls to it need. */
export interface ServedVersion {
  record: VersionRecord;
  engineModel: EngineModel;
  policy: BreakerPolicy;
  /** The state all processes share, as it was last read or written here. */
  breaker: SharedBreaker | undefined;
}

/** What is deployed of a model, and where its calls go. */
export interface ServedModel {
  route: Route | undefined;
  versions: ReadonlyMap<string, ServedVersion>;
  /** Alias to version, deployed or not. */
  aliases: ReadonlyMap<string, string>;
}

/** How old the knowledge of a route may be: other processes see a change within this time. */
const freshForMs = 500;

export interface ServedModels {
  /** The served versions of a model, at most 500 ms old; empty when nothing is deployed. */
  read(modelId: string): Promise<ServedModel>;
  /** Forgets what is known of a model, after a change made here. */
  forget(modelId: string): void;
}

/** @param slowMs the latency from which a call counts as slow, where the deployment does not say. */
export function servedModels(database: Database, slowMs: number): ServedModels {
  const known = new Map<string, { model: Promise<ServedModel>; readAt: number }>();
  return {
    read(modelId) {
      const entry = known.get(modelId);
      if (entry !== undefined && performance.now() - entry.readAt < freshForMs) return entry.model;
      const model = readServedModel(database, modelId, slowMs);
      known.set(modelId, { model, readAt: performance.now() });
      model.catch(() => known.delete(modelId));
      return model;
    },
    forget: (modelId) => {
      known.delete(modelId);
    },
  };
}

async function readServedModel(database: Database, modelId: string, slowMs: number): Promise<ServedModel> {
  const [deployed, aliases] = await Promise.all([
    readDeployed(database, modelId, slowMs),
    readAliases(database, modelId),
  ]);
  return { ...deployed, aliases: new Map(aliases.map(({ alias, version }) => [alias, version])) };
}

async function readDeployed(
  database: Database,
  modelId: string,
  slowMs: number,
): Promise<Pick<ServedModel, 'route' | 'versions'>> {
  const rows = await database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .leftJoin('breakers', (join) =>
      join
        .onRef('breakers.model_id', '=', 'deployments.model_id')
        .onRef('breakers.version', '=', 'deployments.version'),
    )
    .selectAll('versions')
    .select([
      'deployments.instances',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      'routes.active_version',
      'routes.weights',
      'routes.sticky',
      'routes.shadow_version',
      'breakers.reopens_at',
      'breakers.open_ms',
    ])
    .where('deployments.model_id', '=', modelId)
    .execute();
  const versions = rows.map((row): [string, ServedVersion] => {
    const record = versionRecord(row);
    return [
      row.version,
      {
        record,
        engineModel: engineModel(record, row.instances),
        policy: {
          ...defaultBreakerPolicy,
          slowMs: row.latency_threshold_ms ?? slowMs,
          ...(row.error_threshold !== null && { failureShare: row.error_threshold }),
        },
        breaker:
          row.open_ms === null ? undefined : { reopensAt: row.reopens_at ?? undefined, openMs: row.open_ms },
      },
    ];
  });
  const [first] = rows;
  const route =
    first === undefined || first.active_version === null || first.weights === null
      ? undefined
      : {
          activeVersion: first.active_version,
          weights: parseWeights(first.weights),
          sticky: first.sticky === 1,
          shadowVersion: first.shadow_version ?? undefined,
        };
  return { route, versions: new Map(versions) };
}

const weightsSchema = z.array(z.tuple([z.string(), z.number()]));

export function parseWeights(text: string): [string, number][] {
  return weightsSchema.parse(JSON.parse(text));
}

/** The deployed version of that name or alias, by what is known here. */
export function servedVersion(model: ServedModel, name: string): ServedVersion | undefined {
  return model.versions.get(name) ?? model.versions.get(model.aliases.get(name) ?? '');
}

/**
 * The deployed version of that name or alias; asks the database where it is not known here.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED
 */
export async function findServed(
  database: Database,
  modelId: string,
  name: string,
  model: ServedModel,
): Promise<ServedVersion> {
  const known = servedVersion(model, name);
  if (known !== undefined) return known;
  // The alias may be younger than what is known here.
  const { version } = await findVersion(database, modelId, name);
  return (
    model.versions.get(version) ??
    notDeployed(
      `${modelId} ${version}${version === name ? '' : ` (${name})`} is not deployed.`,
      'Call deploy_model with the version.',
      model,
    )
  );
}

/** Why a model without a route cannot be called: throws MODEL_NOT_FOUND or NOT_DEPLOYED. */
export async function explainNotRouted(
  database: Database,
  modelId: string,
  model: ServedModel,
): Promise<never> {
  await requireModel(database, modelId);
  return notDeployed(
    `No version of ${modelId} is active.`,
    'Call deploy_model with the version and set_active=true.',
    model,
  );
}

function notDeployed(message: string, hint: string, { versions }: ServedModel): never {
  const deployed = [...versions.keys()];
  const beside = deployed.length > 0 ? ` Deployed: ${deployed.join(', ')}.` : '';
  throw new ModelYardError('NOT_DEPLOYED', message, `${hint}${beside}`);
}

export function engineKey(modelId: string, version: string): string {
  return `${modelId}@${version}`;
}

/** @param instances undefined leaves the engine's number as it is. */
export function engineModel(record: VersionRecord, instances: number | undefined): EngineModel {
  return {
    key: engineKey(record.modelId, record.version),
    artifact: record.artifact,
    inputs: record.signature.inputs,
    outputs: record.signature.outputs,
    instances,
  };
}
