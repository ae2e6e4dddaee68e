import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { valueAt } from './column.ts';
import { openSegment } from './open_segment.ts';
import { answeredRows } from './segment.ts';
import { listWindow, type WindowRequest } from './window.ts';

const columns = new Set(['at', 'error_code', 'route']);

/**
 * How many rows of a version were answered in a window, and of how many of them it is known what really was. Only the
 * segments that reach beyond the window are opened.
 */
export function countWindow(
  database: Database,
  window: Pick<WindowRequest, 'modelId' | 'version' | 'since' | 'until'>,
): Promise<{ answered: number; withOutcome: number }> {
  return readUnchanged(async () => {
    let [answered, withOutcome] = [0, 0];
    for (const listed of await listWindow(database, { ...window, rows: 'answered', features: [] })) {
      if (listed.min_at >= window.since && listed.max_at < window.until) {
        answered += listed.answered;
        withOutcome += listed.outcomes;
        continue;
      }
      const { rows, at, answers, outcomes } = await openSegment(
        database,
        listed,
        ['answers', 'outcomes'],
        columns,
      );
      const isAnswered = answeredRows(answers, rows);
      for (let row = 0; row < rows; row++) {
        const time = at[row] ?? 0;
        if (time < window.since || time >= window.until || !isAnswered(row)) continue;
        answered++;
        if (outcomes !== undefined && valueAt(outcomes, row) !== null) withOutcome++;
      }
      // With SQLite nothing above need have waited.
      await turn();
    }
    return { answered, withOutcome };
  });
}
