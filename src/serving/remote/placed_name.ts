import { createHash } from 'node:crypto';
import type { EngineModels } from '../../engine_settings.ts';
import { versionOfKey } from '../deployed_version.ts';
import type { PlacedModel } from '../engine/engine.ts';

/** What a version is called in an engine. */
export interface Place {
  name: string;
  /** Undefined: the engine has one version of the name, or chooses. */
  version: string | undefined;
}

const shownLength = 40;

/**
 * Where a version stands in an engine. A name that is given to it here has a digest of the store, the model, the version and the
 * bytes: stores that share an engine cannot take one another's versions for their own, and what is loaded under it is always the
 * same.
 */
export function placeOf(models: EngineModels, storeId: string, { key, artifact }: PlacedModel): Place {
  const [modelId, version] = versionOfKey(key);
  if (models.kind === 'served') {
    const filled = (template: string) =>
      template.replace(/\{(model_id|version|sha256)\}/g, (_, placeholder: string) =>
        placeholder === 'model_id' ? modelId : placeholder === 'version' ? version : artifact.sha256,
      );
    return { name: filled(models.name), version: models.version && filled(models.version) };
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([storeId, modelId, version, artifact.sha256]))
    .digest('hex');
  const shown = `${modelId}-${version}`.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, shownLength);
  return { name: `modelyard-${shown}-${digest.slice(0, 24)}`, version: undefined };
}
