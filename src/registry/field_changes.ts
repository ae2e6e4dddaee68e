/** One descriptive fact that was changed; null where there was or is none. */
export interface FieldChange {
  /** Such as `description`, `tags.team`, `metrics.auc`, `aliases.champion`. */
  field: string;
  before: unknown;
  after: unknown;
}

/** What is different of the named values that are given; null takes one away. */
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
