import type { Database } from '../storage/database.ts';

/**
 * Where the audit trail ends. Every change of the registry moves it, so what is read after it holds for as long as it
 * stays: what comes in between is read again after the next look.
 */
export async function readTrailEnd(database: Database): Promise<number> {
  const { sequence } = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
  return sequence;
}

/**
 * Keeps what was read of each database until its registry changes.
 * @param most so many values are kept; the oldest go
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
