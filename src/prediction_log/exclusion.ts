/**
 * Names that are never logged: `feature` for every model, `model:feature` for one, `entity_key` for the entity key.
 */
export type ExcludedNames = readonly string[];

const entityKeyName = 'entity_key';

interface Excludable {
  modelId: string;
  features: [string, unknown][] | null;
  entityKey: string | null;
  entityKeys?: unknown;
}

/** Removes excluded features and entity keys from entries. */
export function exclusion(excluded: ExcludedNames): <Entry extends Excludable>(entry: Entry) => Entry {
  if (excluded.length === 0) return (entry) => entry;
  const names = new Set(excluded);
  return (entry) => {
    const isExcluded = (name: string) => names.has(name) || names.has(`${entry.modelId}:${name}`);
    const features = entry.features?.filter(([name]) => !isExcluded(name)) ?? null;
    if (!isExcluded(entityKeyName)) return { ...entry, features };
    return { ...entry, features, entityKey: null, entityKeys: undefined };
  };
}
