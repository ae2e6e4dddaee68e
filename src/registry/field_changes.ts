/** One descriptive field that was changed; null where there was or is no value. */
export interface FieldChange {
  /** Such as `description`, `tags.team`, `metrics.auc`, `aliases.champion`. */
  field: string;
  before: unknown;
  after: unknown;
}

/** The given named values that differ; null removes one. */
export function mapChanges<T extends string | number>(
  field: string,
  before: ReadonlyMap<string, T>,
  given: Readonly<Record<string, T | null>>,
): FieldChange[] {
  return Object.entries(given).flatMap(([name, after]) => {
    const old = before.get(name) ?? null;
    return old === after ? [] : [{ field: `${field}.${name}`, before: old, after }];
  });
}

/** The requested changes of named values; null removes all that exist. */
export function namedChanges<Value>(
  before: ReadonlyMap<string, Value>,
  given: Record<string, Value | null> | null | undefined,
): Record<string, Value | null> {
  return given === null ? Object.fromEntries([...before.keys()].map((name) => [name, null])) : (given ?? {});
}
