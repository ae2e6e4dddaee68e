import { uuidv7 } from 'uuidv7';
import { idColumn, type LogColumn } from '../src/prediction_log/column.ts';
import type { LogWindow } from '../src/prediction_log/log_window.ts';
import { encodeSegment, insertSegments } from '../src/prediction_log/segment_store.ts';
import { windowReader } from '../src/prediction_log/window_reader.ts';
import { openDatabase } from '../src/storage/database.ts';

const start = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
/** Rows of a segment as merging leaves it. */
const segmentRows = 16_384;

/** A log with a day of the given columns, in segments as a server leaves them. */
export async function logWindow(
  directory: string,
  columns: readonly { name: string; values: Float64Array }[],
): Promise<{ rows: number; read: () => Promise<LogWindow>; close: () => Promise<void> }> {
  const rows = columns[0]?.values.length ?? 0;
  const { database, close } = await openDatabase({ directory });
  for (let from = 0; from < rows; from += segmentRows) {
    const count = Math.min(segmentRows, rows - from);
    const at = Float64Array.from({ length: count }, (_, row) =>
      Math.floor(start + ((from + row) / rows) * dayMs),
    );
    const constant = (value: unknown): LogColumn => {
      return { kind: 'dictionary', entries: [value], codes: new Uint32Array(count) };
    };
    const numbers = (values: Float64Array): LogColumn => ({ kind: 'numbers', values });
    const segment = encodeSegment({
      modelId: 'bench',
      version: '1',
      day: Math.floor(start / dayMs),
      rows: count,
      answers: new Map([
        ['id', idColumn(Array.from({ length: count }, () => uuidv7()))],
        ['at', numbers(at)],
        ['route', constant('active')],
        ['latency_ms', numbers(new Float64Array(count).fill(1))],
        ['value', numbers(new Float64Array(count).fill(1))],
      ]),
      features: new Map(
        columns.map(({ name, values }) => [name, numbers(values.slice(from, from + count))] as const),
      ),
      outcomes: undefined,
    });
    await insertSegments(database, [segment]);
  }
  const readWindow = windowReader({ database, directory });
  return {
    rows,
    read: () =>
      readWindow({
        modelId: 'bench',
        version: '1',
        since: start,
        until: start + dayMs,
        rows: 'answered',
        features: columns.map(({ name }) => ({ name, kind: 'numeric' as const })),
      }),
    close,
  };
}
