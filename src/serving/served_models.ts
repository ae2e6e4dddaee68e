import type { Follower } from '../access/change_model.ts';
import { ModelYardError } from '../errors.ts';
import { readAliases } from '../registry/aliases.ts';
import { findVersionName, requireModel } from '../registry/lookup.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { storageError } from '../storage/storage_error.ts';
import { type BreakerPolicy, defaultBreakerPolicy, type SharedBreaker } from './breaker.ts';
import { routeColumns, routeOfDeployed, selectDeployed } from './deployed_rows.ts';
import { engineModel, readStoredVersion } from './deployed_version.ts';
import type { EngineModel } from './engine/engine.ts';
import type { Route } from './routing.ts';

/** A deployed version, with what calls to it need. */
export interface ServedVersion {
  record: VersionRecord;
  engineModel: EngineModel;
  policy: BreakerPolicy;
  /** The state all processes share, as it was last read or written here. */
  breaker: SharedBreaker | undefined;
  /** When that reading began, by performance.now(). */
  readAt: number;
}

/** What is deployed of a model, and where its calls go. */
export interface ServedModel {
  route: Route | undefined;
  /** When it was set, milliseconds since 1970. */
  routeSetAt: number | undefined;
  versions: ReadonlyMap<string, ServedVersion>;
  /** Deployed versions of which the stored row cannot be read, each with the fault: only they are not served. */
  damaged: ReadonlyMap<string, ModelYardError>;
  /** Alias to version, deployed or not. */
  aliases: ReadonlyMap<string, string>;
  /** Set while the database is away: routes and breakers are those of before. */
  isOutdated?: boolean;
}

/** From this age on the knowledge of a model is read anew, beside the calls that go on with it, milliseconds. */
const freshForMs = 500;
/** Older knowledge answers no call: other processes see a change within a second. */
const usableForMs = 900;
/** How long a call waits for a database that does not answer before it goes on with what was known. */
const patienceMs = 1000;

export interface ServedModels extends Follower {
  /** The same as `read` gives, where it is known and fresh: without waiting. */
  fresh(modelId: string): ServedModel | undefined;
  /**
   * The served versions of a model, at most 900 ms old; empty when nothing is deployed. While the database is away or does not
   * answer, what was known last, which says so.
   * @throws STORAGE_UNAVAILABLE when nothing is known of it
   */
  read(modelId: string): Promise<ServedModel>;
}

interface Reading {
  model: Promise<ServedModel>;
  /** What it found, once it has. */
  found: ServedModel | undefined;
  /** When it began: what was changed later may be missing. */
  since: number;
}

/** What is known of one model; a change made here begins with a new one. */
interface Knowledge {
  /** The reading that answers calls. */
  current: Reading | undefined;
  underWay: Reading | undefined;
  /** What the database said last: it answers while the database is away. */
  last: ServedModel | undefined;
}

/** @param slowMs the latency from which a call counts as slow, where the deployment does not say. */
export function servedModels(database: Database, slowMs: number): ServedModels {
  const known = new Map<string, Knowledge>();
  const knowledgeOf = (modelId: string): Knowledge => {
    const found = known.get(modelId);
    if (found !== undefined) return found;
    const begun = { current: undefined, underWay: undefined, last: undefined };
    known.set(modelId, begun);
    return begun;
  };
  const readOr = async (modelId: string, knowledge: Knowledge): Promise<ServedModel> => {
    try {
      const model = await readServedModel(database, modelId, slowMs);
      knowledge.last = model;
      return model;
    } catch (error) {
      const reason = storageError(error);
      const isAway = reason instanceof ModelYardError && reason.code === 'STORAGE_UNAVAILABLE';
      if (!isAway || knowledge.last === undefined) throw error;
      return { ...knowledge.last, isOutdated: true };
    }
  };
  const begin = (modelId: string, knowledge: Knowledge): Reading => {
    const reading: Reading = {
      model: readOr(modelId, knowledge),
      found: undefined,
      since: performance.now(),
    };
    knowledge.underWay = reading;
    const finish = (isServed: boolean) => {
      knowledge.underWay = undefined;
      if (isServed) knowledge.current = reading;
      // Nothing is kept for names without a deployment: callers can send any number of them.
      else if (knowledge.last === undefined || knowledge.last.versions.size === 0) {
        if (known.get(modelId) === knowledge) known.delete(modelId);
      }
    };
    reading.model.then(
      (model) => {
        reading.found = model;
        finish(model.versions.size + model.damaged.size > 0);
      },
      () => finish(false),
    );
    return reading;
  };
  return {
    fresh(modelId) {
      const current = known.get(modelId)?.current;
      return current !== undefined && performance.now() - current.since < freshForMs
        ? current.found
        : undefined;
    },
    async read(modelId) {
      const knowledge = knowledgeOf(modelId);
      const { current, last } = knowledge;
      const age = current === undefined ? Number.POSITIVE_INFINITY : performance.now() - current.since;
      if (current !== undefined && age < freshForMs) return current.model;
      const reading = knowledge.underWay ?? begin(modelId, knowledge);
      if (current !== undefined && age < usableForMs) return current.model;
      return last === undefined ? reading.model : inTime(reading, { ...last, isOutdated: true });
    },
    async follow(transaction, modelId) {
      const since = performance.now();
      const model = await readServedModel(transaction, modelId, slowMs);
      return () => {
        if (model.versions.size + model.damaged.size === 0) known.delete(modelId);
        else
          known.set(modelId, {
            current: { model: Promise.resolve(model), found: model, since },
            underWay: undefined,
            last: model,
          });
      };
    },
  };
}

/** What the database says; where that takes too long, what was known last. */
async function inTime({ model, since }: Reading, remembered: ServedModel): Promise<ServedModel> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ServedModel>((resolve) => {
    timer = setTimeout(resolve, since + patienceMs - performance.now(), remembered);
  });
  try {
    return await Promise.race([model, late]);
  } finally {
    clearTimeout(timer);
  }
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
): Promise<Pick<ServedModel, 'route' | 'routeSetAt' | 'versions' | 'damaged'>> {
  const readAt = performance.now();
  const rows = await selectDeployed(database)
    .selectAll('versions')
    .select([
      'deployments.instances',
      'deployments.engine',
      'deployments.input_sizes',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      ...routeColumns,
      'routes.changed_at',
      'breakers.reopens_at',
      'breakers.open_ms',
    ])
    .where('deployments.model_id', '=', modelId)
    .execute();
  const versions = new Map<string, ServedVersion>();
  const damaged = new Map<string, ModelYardError>();
  for (const row of rows) {
    const read = readStoredVersion(row);
    if ('damage' in read) {
      damaged.set(row.version, read.damage);
      continue;
    }
    versions.set(row.version, {
      record: read.record,
      engineModel: engineModel(read.record, row.instances, read.sizes, row.engine),
      policy: {
        ...defaultBreakerPolicy,
        slowMs: row.latency_threshold_ms ?? slowMs,
        ...(row.error_threshold !== null && { failureShare: row.error_threshold }),
      },
      breaker:
        row.open_ms === null ? undefined : { reopensAt: row.reopens_at ?? undefined, openMs: row.open_ms },
      readAt,
    });
  }
  const [first] = rows;
  const route = first === undefined ? undefined : routeOfDeployed(first);
  return { route, routeSetAt: first?.changed_at ?? undefined, versions, damaged };
}

/** The deployed version of that name or alias, by what is known here. */
export function servedVersion(model: ServedModel, name: string): ServedVersion | undefined {
  return model.versions.get(name) ?? model.versions.get(model.aliases.get(name) ?? '');
}

/**
 * The deployed version of that name or alias; asks the database where it is not known here.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED; INTERNAL where what is stored of it is damaged
 */
export async function findServed(
  database: Database,
  modelId: string,
  name: string,
  model: ServedModel,
): Promise<ServedVersion> {
  const known = servedVersion(model, name);
  if (known !== undefined) return known;
  // The alias may have been set since the last reading.
  const version = await findVersionName(database, modelId, name);
  const damage = model.damaged.get(version);
  if (damage !== undefined) throw damage;
  return (
    model.versions.get(version) ??
    notDeployed(
      `${modelId} ${version}${version === name ? '' : ` (${name})`} is not deployed.`,
      'Call deploy_model with the version.',
      model,
    )
  );
}

/** Why none of a model's versions can be called: throws MODEL_NOT_FOUND, NOT_DEPLOYED, or the fault of a damaged one. */
export async function explainNotRouted(
  database: Database,
  modelId: string,
  model: ServedModel,
): Promise<never> {
  await requireModel(database, modelId);
  const damage = model.damaged.get(model.route?.activeVersion ?? '');
  if (damage !== undefined) throw damage;
  return notDeployed(
    `No version of ${modelId} is active.`,
    'Call deploy_model with the version and set_active=true.',
    model,
  );
}

function notDeployed(message: string, hint: string, { versions, damaged }: ServedModel): never {
  const deployed = [...versions.keys(), ...damaged.keys()];
  const beside = deployed.length > 0 ? ` Deployed: ${deployed.join(', ')}.` : '';
  throw new ModelYardError('NOT_DEPLOYED', message, `${hint}${beside}`);
}
