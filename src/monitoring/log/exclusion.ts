import type { PredictionEntry } from '../../serving/prediction_sink.ts';

/**
 * What is never written down. Each name is a feature of every model, `model:feature` of one; `entity_key` is the
 * entity key.
 */
export type ExcludedNames = readonly string[];

const entityKeyName = 'entity_key';

/** Leaves the excluded features and entity keys out of entries. */
export function exclusion(excluded: ExcludedNames): (entry: PredictionEntry) => PredictionEntry {
  if (excluded.length === 0) return (entry) => entry;
  const names = new Set(excluded);
  return (entry) => {
    const isExcluded = (name: string) => names.has(name) || names.has(`${entry.modelId}:${name}`);
    const features = entry.features?.filter(([name]) => !isExcluded(name)) ?? null;
    if (!isExcluded(entityKeyName)) return { ...entry, features };
    return { ...entry, features, entityKey: null, entityKeys: undefined };
  };
}
