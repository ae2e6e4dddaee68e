import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { valueAt } from './column.ts';
import type { WindowRequest } from './log_window.ts';
import { openSegment } from './open_segment.ts';
import { answeredRows, shadowRows } from './segment.ts';
import { listWindow } from './window.ts';

/** Rows of a version in a window. */
export interface WindowCounts {
  /** Answered to a caller, and those of them that have an outcome. */
  answered: number;
  withOutcome: number;
  /** Of a shadow, those that failed included, and those of them that have an outcome. */
  shadows: number;
  shadowsWithOutcome: number;
}

const columns = new Set(['at', 'error_code', 'route']);

/** Counts the rows of a window. Only the segments that reach beyond it are opened. */
export function countWindow(
  database: Database,
  window: Pick<WindowRequest, 'modelId' | 'version' | 'since' | 'until'>,
): Promise<WindowCounts> {
  return readUnchanged(async () => {
    const counts = { answered: 0, withOutcome: 0, shadows: 0, shadowsWithOutcome: 0 };
    for (const listed of await listWindow(database, { ...window, rows: 'served', features: [] })) {
      if (listed.min_at >= window.since && listed.max_at < window.until) {
        counts.answered += listed.answered;
        counts.withOutcome += listed.outcomes;
        counts.shadows += listed.shadows;
        counts.shadowsWithOutcome += listed.shadow_outcomes;
        continue;
      }
      if (listed.answered + listed.shadows === 0) continue;
      const { rows, at, answers, outcomes } = await openSegment(
        database,
        listed,
        ['answers', 'outcomes'],
        columns,
      );
      const [isAnswered, isShadow] = [answeredRows(answers, rows), shadowRows(answers)];
      for (let row = 0; row < rows; row++) {
        const time = at[row] ?? 0;
        if (time < window.since || time >= window.until) continue;
        const isKnown = outcomes !== undefined && valueAt(outcomes, row) !== null;
        if (isShadow(row)) {
          counts.shadows++;
          if (isKnown) counts.shadowsWithOutcome++;
        } else if (isAnswered(row)) {
          counts.answered++;
          if (isKnown) counts.withOutcome++;
        }
      }
      // SQLite runs synchronously, so other calls get their turn here.
      await turn();
    }
    return counts;
  });
}
