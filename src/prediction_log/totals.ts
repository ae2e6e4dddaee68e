import type { Transaction } from 'kysely';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import type { Tables } from '../storage/schema.ts';
import { sketchFromText, sketchToText } from './latency.ts';

/** Adds journaled calls to the counts that health shows: of all time, by the minute, and of shadows. */
export async function addToCounts(
  transaction: Transaction<Tables>,
  journal: string,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const answered = entries.filter((entry) => entry.shadow === undefined);
  await addToTotals(transaction, answered);
  await addToMinutes(transaction, journal, answered);
  await addToShadowTotals(transaction, entries);
}

/** Whether a call failed because of the model, not of its caller or of nobody. */
function isModelsError({ error }: PredictionEntry): boolean {
  return error !== null && error.fault === undefined;
}

/** PostgreSQL cannot store NUL in text. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** Groups in the order of their keys, so that concurrent transactions lock rows in one order. */
function grouped(
  entries: readonly PredictionEntry[],
  keyOf: (entry: PredictionEntry) => string,
): PredictionEntry[][] {
  const groups = new Map<string, PredictionEntry[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

async function addToTotals(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  for (const group of grouped(entries, (entry) => `${entry.modelId}@${entry.version}`)) {
    const [first] = group;
    if (first === undefined) continue;
    const failed = group.filter(isModelsError);
    // A failure that is nobody's fault is in no count, but its version is listed: it may never have answered.
    const shown = group.filter(({ error }) => error !== null && error.fault !== 'caller');
    const lastFailed = shown.reduce<PredictionEntry | undefined>(
      (last, entry) => (last === undefined || entry.at >= last.at ? entry : last),
      undefined,
    );
    await transaction
      .insertInto('serving_totals')
      .values({
        model_id: first.modelId,
        version: first.version,
        calls: group.length,
        rows: group.reduce((sum, entry) => sum + entry.values.length, 0),
        errors: failed.length,
        last_call_at: Math.max(...group.map((entry) => entry.at)),
        last_told_at: Math.max(0, ...group.map(({ route }) => (route === 'elsewhere' ? Date.now() : 0))),
        last_error_at: lastFailed?.at ?? null,
        last_error: lastFailed?.error
          ? `${lastFailed.error.code}: ${storable(lastFailed.error.message)}`
          : null,
      })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'version']).doUpdateSet((eb) => {
          // Journals are not moved in chronological order.
          const isLaterError = eb(
            'excluded.last_error_at',
            '>=',
            eb.fn.coalesce('serving_totals.last_error_at', eb.lit(0)),
          );
          return {
            calls: eb('serving_totals.calls', '+', eb.ref('excluded.calls')),
            rows: eb('serving_totals.rows', '+', eb.ref('excluded.rows')),
            errors: eb('serving_totals.errors', '+', eb.ref('excluded.errors')),
            last_call_at: eb
              .case()
              .when('excluded.last_call_at', '>', eb.ref('serving_totals.last_call_at'))
              .then(eb.ref('excluded.last_call_at'))
              .else(eb.ref('serving_totals.last_call_at'))
              .end(),
            last_told_at: eb
              .case()
              .when('excluded.last_told_at', '>', eb.ref('serving_totals.last_told_at'))
              .then(eb.ref('excluded.last_told_at'))
              .else(eb.ref('serving_totals.last_told_at'))
              .end(),
            last_error_at: eb
              .case()
              .when(isLaterError)
              .then(eb.ref('excluded.last_error_at'))
              .else(eb.ref('serving_totals.last_error_at'))
              .end(),
            last_error: eb
              .case()
              .when(isLaterError)
              .then(eb.ref('excluded.last_error'))
              .else(eb.ref('serving_totals.last_error'))
              .end(),
          };
        }),
      )
      .execute();
  }
}

const minuteMs = 60_000;

async function addToMinutes(
  transaction: Transaction<Tables>,
  journal: string,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const minuteOf = (entry: PredictionEntry) => Math.floor(entry.at / minuteMs) * minuteMs;
  for (const group of grouped(entries, (entry) => `${entry.modelId}@${entry.version}@${minuteOf(entry)}`)) {
    const [first] = group;
    if (first === undefined) continue;
    const key = { model_id: first.modelId, version: first.version, minute: minuteOf(first), journal };
    const before = await transaction
      .selectFrom('serving_minutes')
      .select(['calls', 'errors', 'latency', 'queue'])
      .where('model_id', '=', key.model_id)
      .where('version', '=', key.version)
      .where('minute', '=', key.minute)
      .where('journal', '=', journal)
      .executeTakeFirst();
    const sketch = sketchFromText(before?.latency ?? null);
    for (const { latencyMs } of group) if (latencyMs !== null) sketch.accept(latencyMs);
    const queue = sketchFromText(before?.queue ?? null);
    for (const { queueMs } of group) if (queueMs !== undefined) queue.accept(queueMs);
    const after = {
      calls: (before?.calls ?? 0) + group.length,
      errors: (before?.errors ?? 0) + group.filter(isModelsError).length,
      latency: sketchToText(sketch),
      queue: queue.count === 0 ? null : sketchToText(queue),
    };
    await transaction
      .insertInto('serving_minutes')
      .values({ ...key, ...after })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'version', 'minute', 'journal']).doUpdateSet(after),
      )
      .execute();
  }
}

async function addToShadowTotals(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  // The other version ran on the same input, so a failure here is the shadow's own, except one that nobody caused.
  const shadows = entries.filter(({ shadow, error }) => shadow !== undefined && error?.fault !== 'nobody');
  const keyOf = (entry: PredictionEntry) =>
    `${entry.modelId}@${entry.version}@${entry.shadow?.primaryVersion}`;
  for (const group of grouped(shadows, keyOf)) {
    const [first] = group;
    if (first?.shadow === undefined) continue;
    const answered = group.filter((entry) => entry.error === null);
    await transaction
      .insertInto('shadow_totals')
      .values({
        model_id: first.modelId,
        shadow_version: first.version,
        primary_version: first.shadow.primaryVersion,
        calls: group.length,
        errors: group.length - answered.length,
        rows: answered.reduce((sum, entry) => sum + entry.values.length, 0),
        agreed: answered.reduce((sum, entry) => sum + (entry.shadow?.agreed ?? 0), 0),
      })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'shadow_version', 'primary_version']).doUpdateSet((eb) => ({
          calls: eb('shadow_totals.calls', '+', eb.ref('excluded.calls')),
          errors: eb('shadow_totals.errors', '+', eb.ref('excluded.errors')),
          rows: eb('shadow_totals.rows', '+', eb.ref('excluded.rows')),
          agreed: eb('shadow_totals.agreed', '+', eb.ref('excluded.agreed')),
        })),
      )
      .execute();
  }
}
