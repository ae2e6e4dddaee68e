import type { Database } from '../storage/database.ts';

/**
 * The end of the audit trail, which every change of the registry moves: what is read after reading it is valid until it
 * moves. A change between the two readings is found by the next look at the end.
 */
export async function readTrailEnd(database: Database): Promise<number> {
  const { sequence } = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
  return sequence;
}

/**
 * Keeps what was read of each database until its registry changes.
 * @param most values that are kept; the oldest are dropped
 */
export function keepUntilChanged<Value>(most: number) {
  const kept = new WeakMap<Database, { end: number; values: Map<string, Value> }>();
  return async (
    { database, end }: { database: Database; end: number },
    name: string,
    read: () => Promise<Value>,
  ): Promise<Value> => {
    let known = kept.get(database);
    if (known?.end !== end) {
      known = { end, values: new Map() };
      kept.set(database, known);
    }
    const { values } = known;
    const found = values.get(name);
    if (found !== undefined) return found;
    const value = await read();
    const [oldest] = values.keys();
    if (values.size >= most && oldest !== undefined) values.delete(oldest);
    values.set(name, value);
    return value;
  };
}
