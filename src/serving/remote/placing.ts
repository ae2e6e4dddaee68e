import type { EngineSettings } from '../../engine_settings.ts';
import { ModelYardError, messageOf } from '../../errors.ts';
import type { ArtifactStore } from '../../storage/artifact_store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { versionOfKey } from '../deployed_version.ts';
import type { PlacedModel } from '../engine/engine.ts';
import type { EngineModel } from '../engine/model_host.ts';
import { signatureDifference } from './compare_signature.ts';
import { deadlineOf } from './deadline.ts';
import type { EngineConnection } from './engine_connection.ts';
import { type Place, placeOf } from './placed_name.ts';
import type { Placements } from './placements.ts';
import { tritonConfig } from './push_body.ts';
import { servedFilesOf } from './served_files.ts';
import { removeFromFolder, writeToFolder } from './shared_folder.ts';

export interface PlacingSettings {
  withFile: ArtifactStore['withFile'];
  loadTimeoutMs: number;
  /** Whether a version is still deployed on this engine, as the database has it. */
  isWanted(key: string, engine: string): Promise<boolean>;
  storeId: string;
  placements: Placements;
  logger: Logger;
}

/** What an engine has of this store. */
export interface Placing {
  placeOf(model: PlacedModel): Place;
  /**
   * Sees to it that the engine has a version, by its signature too.
   * @param isDeploying it is wanted whatever the database says, with as many instances as it names
   * @throws SIGNATURE_MISMATCH, ENGINE_CRASHED, TIMEOUT, ARTIFACT_MISMATCH, STORAGE_UNAVAILABLE, INVALID_INPUT;
   *   NOT_DEPLOYED where it was retired meanwhile
   */
  ensure(model: EngineModel, isDeploying: boolean): Promise<void>;
  /** Takes a version out of the engine, where it was put there. @throws ENGINE_CRASHED, TIMEOUT: it is tried again by clear */
  takeOut(model: PlacedModel): Promise<void>;
  /** Takes out what was put there and is no longer deployed, as far as the engine lets itself be told. */
  clear(): Promise<void>;
}

/** How long a deployment may take beside its two loads, milliseconds. */
const deployingMs = 600_000;
/** How long an engine is given to unload a model, milliseconds. */
const unloadMs = 30_000;
/** How long it is given to say whether it is there, milliseconds. */
const lookMs = 3_000;

export function createPlacing(
  engine: EngineSettings,
  connection: EngineConnection,
  settings: PlacingSettings,
): Placing {
  const { name, models } = engine;
  const { loadTimeoutMs, placements, logger } = settings;
  /** Models are sent one after the other: each is held in memory meanwhile. */
  let sending: Promise<unknown> = Promise.resolve();

  const place = (model: PlacedModel) => placeOf(models, settings.storeId, model);

  async function ensureWithin(model: EngineModel, isDeploying: boolean, signal: AbortSignal): Promise<void> {
    const there = place(model);
    if (isDeploying) await note(model, there);
    const isThere = await connection.isReady(there, signal);
    if (!isThere || (isDeploying && (await hasOtherInstances(model, there, signal)))) {
      if (models.kind === 'served') throw notServed(name, there);
      if (!isDeploying && !(await settings.isWanted(model.key, name))) throw retired(model.key, name);
      if (!isDeploying) await note(model, there).catch(toldAsDebug(model.key));
      await put(model, there, signal);
      // Whoever retired it meanwhile may have unloaded it before it was there.
      if (!isDeploying && !(await settings.isWanted(model.key, name))) {
        await unload(there.name);
        throw retired(model.key, name);
      }
      if (!(await connection.isReady(there, signal)))
        throw new ModelYardError(
          'ENGINE_CRASHED',
          `The engine ${name} has loaded the model, but says that ${there.name} is not ready.`,
          'Its own log says why.',
        );
    }
    const difference = signatureDifference(model, await connection.metadata(there, signal));
    if (difference !== undefined)
      throw new ModelYardError(
        'SIGNATURE_MISMATCH',
        `The model ${shownPlace(there)} of the engine ${name} is not that of the version: ${difference}.`,
        'Serve the very file of the version there, under that name, or deploy it with another engine.',
      );
  }

  /** The models of a store whose database is away are given back all the same: they were noted when they were deployed. */
  const toldAsDebug = (key: string) => (error: unknown) =>
    logger.debug('what an engine is given could not be noted', {
      engine: name,
      key,
      detail: messageOf(error),
    });

  /** Other processes leave it there until it is deployed. */
  async function note(model: PlacedModel, there: Place): Promise<void> {
    if (models.kind === 'served') return;
    await placements.note(name, there.name, model, 2 * loadTimeoutMs + deployingMs);
  }

  async function hasOtherInstances(
    { instances = 1 }: EngineModel,
    there: Place,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (models.kind !== 'pushed') return false;
    const found = await connection.instances(there, signal);
    return found !== undefined && found > 0 && found !== instances;
  }

  /** Gives the engine a version's model. */
  function put(model: EngineModel, there: Place, signal: AbortSignal): Promise<void> {
    const sent = sending.then(async () => {
      if (signal.aborted) throw signal.reason;
      const config = models.kind === 'pushed' ? tritonConfig(name, model, model.instances ?? 1) : undefined;
      const { files } = await servedFilesOf(settings.withFile, model.artifact, { withBytes: true, signal });
      if (models.kind === 'folder') {
        await writeToFolder(models, there.name, model, files);
        await connection.load(there.name, undefined, signal);
      } else await connection.load(there.name, { config, files }, signal);
      logger.info('a model was loaded in an engine', { engine: name, key: model.key, name: there.name });
    });
    sending = sent.catch(() => undefined);
    return sent;
  }

  /** Takes a model out of the engine that was put there. */
  async function unload(placed: string): Promise<void> {
    await placements.release(name, placed);
    const deadline = deadlineOf(unloadMs, () => unloadTookTooLong(name));
    const { signal } = deadline;
    try {
      await connection.unload(placed, signal);
      if (await connection.isReady({ name: placed, version: undefined }, signal))
        throw new ModelYardError(
          'ENGINE_CRASHED',
          `The engine ${name} was told to unload ${placed}, and still has it ready.`,
          'Its own log says why.',
        );
    } finally {
      deadline.clear();
      // Also where the engine is away: it then does not begin with it again.
      if (models.kind === 'folder') await removeFromFolder(models.folder, placed);
    }
    await placements.forget(name, placed);
    logger.info('a model was unloaded from an engine', { engine: name, name: placed });
  }

  function isUp(): Promise<boolean> {
    return connection.isUp(AbortSignal.timeout(lookMs)).catch(() => false);
  }

  return {
    placeOf: place,

    async ensure(model, isDeploying) {
      if (isDeploying && models.kind !== 'pushed' && (model.instances ?? 1) > 1)
        throw new ModelYardError(
          'INVALID_INPUT',
          `The engine ${name} decides itself how many instances of a model there are, but instances is ${model.instances}.`,
          'Deploy the version with instances=1, and set its number there.',
        );
      const deadline = deadlineOf(loadTimeoutMs, () => loadTookTooLong(name, loadTimeoutMs));
      try {
        await ensureWithin(model, isDeploying, deadline.signal);
      } finally {
        deadline.clear();
      }
    },

    async takeOut(model) {
      if (models.kind !== 'served') await unload(place(model).name);
    },

    async clear() {
      if (models.kind === 'served') return;
      for (const placed of await placements.unwanted(name))
        try {
          await unload(placed);
        } catch (error) {
          if (!(await isUp())) return;
          logger.warn('a model that is no longer deployed could not be taken out of an engine', {
            engine: name,
            name: placed,
            error,
          });
        }
    },
  };
}

function loadTookTooLong(engine: string, ms: number): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    `The engine ${engine} did not have the model ready within ${ms} ms.`,
    'Look at its log, or start the server with a higher MODELYARD_LOAD_TIMEOUT_MS.',
  );
}

function unloadTookTooLong(engine: string): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    `The engine ${engine} did not unload the model within ${unloadMs} ms.`,
    'Look at its log; it is told again until it has.',
  );
}

function notServed(engine: string, place: Place): ModelYardError {
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine ${engine} has no model ${shownPlace(place)} ready.`,
    'Serve the file of the version there under that name (MODELYARD_ENGINES says how names are made), then try again.',
  );
}

function retired(key: string, engine: string): ModelYardError {
  const [modelId, version] = versionOfKey(key);
  return new ModelYardError(
    'NOT_DEPLOYED',
    `${modelId} ${version} is not deployed on ${engine} any more.`,
    'Call deploy_model with the version.',
  );
}

function shownPlace({ name, version }: Place): string {
  return JSON.stringify((version === undefined ? name : `${name}, version ${version}`).slice(0, 200));
}
