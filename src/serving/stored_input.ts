import { findVersion } from '../registry/lookup.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { versionOfKey } from './deployed_version.ts';
import type { EngineModel } from './engine/engine.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { encodeInput } from './predict_input.ts';
import { parseProbe } from './probe.ts';
import { firstRun } from './run_rows.ts';

/**
 * What a version must run on: the probe that it was deployed with, as the model is given it. undefined where it has
 * none, or the database cannot be asked now.
 */
export async function storedInput(
  { database, logger }: { database: Database; logger: Logger },
  model: EngineModel,
): Promise<NamedTensors | undefined> {
  const [modelId, version] = versionOfKey(model.key);
  try {
    const row = await database
      .selectFrom('deployments')
      .select('probe')
      .where('model_id', '=', modelId)
      .where('version', '=', version)
      .executeTakeFirst();
    if (row === undefined || row.probe === null) return undefined;
    const record = await findVersion(database, modelId, version);
    return firstRun(
      model,
      encodeInput(record, parseProbe({ model_id: modelId, version, probe: row.probe }).input),
    );
  } catch (error) {
    logger.warn('a stored probe could not be read', { model_id: modelId, version, error });
    return undefined;
  }
}
