import { ModelYardError, messageOf } from '../errors.ts';
import { findVersion } from '../registry/lookup.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { engineKey } from './deployed_version.ts';
import type { Engine } from './engine/engine.ts';
import { judgeProbe, parseProbe } from './probe.ts';
import { scoreInput } from './score_version.ts';

/**
 * Runs the probes of the versions that are loaded in this process, every `intervalMs`, and stores the results with the
 * deployments for health_check. No version is loaded for its probe alone.
 * @returns stops it.
 */
export function startProbeRounds(options: {
  database: Database;
  engine: Engine;
  clock: () => number;
  logger: Logger;
  intervalMs: number;
}): () => void {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    probeLoadedVersions(options)
      .catch((error: unknown) => options.logger.warn('the probes could not be run', { error }))
      .finally(() => {
        running = false;
      });
  }, options.intervalMs).unref();
  return () => clearInterval(timer);
}

/** One round; exported so that it can be run without a clock. */
export async function probeLoadedVersions({
  database,
  engine,
  clock,
  logger,
}: {
  database: Database;
  engine: Engine;
  clock: () => number;
  logger: Logger;
}): Promise<void> {
  const deployments = await database
    .selectFrom('deployments')
    .select(['model_id', 'version', 'engine', 'probe'])
    .where('probe', 'is not', null)
    .execute();
  for (const { model_id, version, engine: on, probe } of deployments) {
    if (probe === null || engine.status(engineKey(model_id, version)).state !== 'ready') continue;
    const failure = await probeFailure(engine, database, { modelId: model_id, version, on }, probe);
    if (failure === undefined) continue;
    if (failure !== null) logger.warn('a probe failed', { model_id, version, failure });
    await database
      .updateTable('deployments')
      .set({ probed_at: clock(), probe_failure: failure })
      .where('model_id', '=', model_id)
      .where('version', '=', version)
      .execute();
  }
}

/** @returns null when it passes; undefined when this process could not try it, which says nothing of the version */
async function probeFailure(
  engine: Engine,
  database: Database,
  { modelId, version, on }: { modelId: string; version: string; on: string },
  text: string,
): Promise<string | null | undefined> {
  try {
    const probe = parseProbe({ model_id: modelId, version, probe: text });
    const record = await findVersion(database, modelId, version);
    judgeProbe(probe, await scoreInput(engine, record, probe.input, on));
    return null;
  } catch (error) {
    if (error instanceof ModelYardError && error.code === 'STORAGE_UNAVAILABLE') return undefined;
    return messageOf(error);
  }
}
