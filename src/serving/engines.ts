import { embeddedEngine } from '../engine_settings.ts';
import { ModelYardError } from '../errors.ts';
import type { Engine, EngineModel, PlacedModel } from './engine/engine.ts';
import type { RowIndependence } from './graph/rows/row_independence.ts';
import { requireSameAnswers } from './remote/compare_answers.ts';
import type { RemoteEngine } from './remote/remote_engine.ts';

/** All engines of a server. */
export interface Engines extends Engine {
  /** @throws INVALID_INPUT for the name of an engine that is not configured here */
  requireKnown(engine: string): void;
}

/**
 * The engines of this server as one: each version is run by the one that it is deployed on. Whatever is to be found out of a
 * model's file is found out by the embedded one.
 */
export function joinEngines(embedded: Engine, remotes: ReadonlyMap<string, RemoteEngine>): Engines {
  /** On which engine each version was met last in this process. */
  const places = new Map<string, string>();
  /** Of versions of other engines, by the artifact. */
  const independences = new Map<string, RowIndependence>();

  /** @returns undefined: the embedded one @throws NOT_DEPLOYED where it is not configured here */
  function remoteOf({
    key,
    engine = embeddedEngine,
  }: Pick<PlacedModel, 'key' | 'engine'>): RemoteEngine | undefined {
    if (engine === embeddedEngine) return undefined;
    const remote = remotes.get(engine);
    if (remote === undefined)
      throw new ModelYardError(
        'NOT_DEPLOYED',
        `${key.replace('@', ' ')} is deployed on the engine ${engine}, which this server does not know.`,
        'Start it with that engine in MODELYARD_ENGINES, as the server that deployed it, or deploy the version with another engine.',
      );
    return remote;
  }

  function met({ key, engine = embeddedEngine }: EngineModel): void {
    if (remotes.size > 0) places.set(key, engine);
  }

  async function rowsOf(model: EngineModel): Promise<RowIndependence> {
    const { sha256 } = model.artifact;
    const known = independences.get(sha256);
    if (known !== undefined) return known;
    const rows = await embedded.rows({ ...model, instances: undefined });
    if (independences.size >= 1000) independences.clear();
    independences.set(sha256, rows);
    return rows;
  }

  async function deployTo(remote: RemoteEngine, name: string, model: EngineModel) {
    const startedAt = performance.now();
    await remote.ensure(model, true);
    const loadMs = performance.now() - startedAt;
    const local = { ...model, instances: undefined };
    const wasLoaded = embedded.status(model.key).state !== 'not_loaded';
    try {
      const report = await embedded.load(local);
      independences.set(model.artifact.sha256, report.rows);
      const triedAt = performance.now();
      await requireSameAnswers(
        name,
        model,
        embedded.known(local).good,
        (tensors) => embedded.run(local, tensors, { alone: true }),
        (tensors) => remote.run(model, tensors, { alone: true, isSearch: true }),
      );
      return { ...report, loadMs, warmupMs: performance.now() - triedAt };
    } finally {
      // It was needed to compare with only.
      if (!wasLoaded) await embedded.unload(local);
    }
  }

  return {
    wholeFile: embedded.wholeFile,
    inspect: embedded.inspect,

    async load(model) {
      const remote = remoteOf(model);
      met(model);
      return remote === undefined ? embedded.load(model) : deployTo(remote, model.engine ?? '', model);
    },

    run(model, tensors, options) {
      // In place where it can be: a promise more would be the price of each call.
      if (remotes.size === 0 && (model.engine ?? embeddedEngine) === embeddedEngine)
        return embedded.run(model, tensors, options);
      return runWhereItIs(model, tensors, options);
    },

    rows: async (model) => (remoteOf(model) === undefined ? embedded.rows(model) : rowsOf(model)),
    known(model) {
      const remote = remoteOf(model);
      return remote === undefined ? embedded.known(model) : { good: remote.knownGood(model), inputs: [] };
    },

    async unload(model) {
      if (places.get(model.key) === (model.engine ?? embeddedEngine)) places.delete(model.key);
      const remote = remoteOf(model);
      await (remote === undefined ? embedded.unload(model) : remote.unload(model));
    },

    status: (key) => remotes.get(places.get(key) ?? '')?.status(key) ?? embedded.status(key),

    pools: () => [
      ...embedded.pools(),
      ...[...places].flatMap(([key, engine]) => {
        const status = remotes.get(engine)?.status(key);
        return status === undefined ? [] : [{ key, ...status }];
      }),
    ],

    requireKnown(engine) {
      if (engine === embeddedEngine || remotes.has(engine)) return;
      throw new ModelYardError(
        'INVALID_INPUT',
        `There is no engine ${JSON.stringify(engine.slice(0, 80))}; known: ${[embeddedEngine, ...remotes.keys()].join(', ')}.`,
        'Name one of these, or start the server with that one in MODELYARD_ENGINES.',
      );
    },

    close() {
      for (const remote of remotes.values()) remote.close();
      embedded.close();
    },
  };

  async function runWhereItIs(...[model, tensors, options]: Parameters<Engine['run']>) {
    const remote = remoteOf(model);
    met(model);
    return remote === undefined ? embedded.run(model, tensors, options) : remote.run(model, tensors, options);
  }
}
