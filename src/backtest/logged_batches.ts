import { type LogColumn, valueAt } from '../prediction_log/column.ts';
import type { LoggedCalls } from '../prediction_log/logged_calls.ts';
import type { ReplayBatch } from './paired_rows.ts';

/** Logged rows as batches. @param drawn rows that there are */
export async function* loggedBatches(
  calls: AsyncIterable<LoggedCalls>,
  incumbent: string,
  drawn: number,
): AsyncGenerator<ReplayBatch> {
  let read = 0;
  for await (const found of calls) {
    read += found.rows;
    yield {
      rows: found.rows,
      columns: found.features,
      has: layoutReader(found.layout),
      units: found.units,
      outcomes: found.outcomes,
      logged: found.version === incumbent ? found.values : undefined,
      nameOf: (row) => String(valueAt(found.ids, row)),
      done: drawn === 0 ? 1 : read / drawn,
    };
  }
}

/** A row has the features that its call was given; another version's call may have had others. */
function layoutReader(layout: LogColumn | undefined): ReplayBatch['has'] {
  // Calls of tensors alone have no features.
  if (layout?.kind !== 'dictionary') return () => () => false;
  const sets = layout.entries.map((names) => new Set(Array.isArray(names) ? names : []));
  return (name) => {
    const has = sets.map((names) => names.has(name));
    if (has.every(Boolean)) return undefined;
    return (row) => has[layout.codes[row] ?? 0] ?? false;
  };
}
