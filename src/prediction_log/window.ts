import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../storage/database.ts';
import type { PredictionSegmentRow } from '../storage/schema.ts';
import { readUnchanged } from './changing.ts';
import type { LogWindow, WindowRequest } from './log_window.ts';
import { openSegment } from './open_segment.ts';
import { windowBuilder } from './window_builder.ts';

/** Cells that one reading may hold in memory: 60 million are 480 MB. */
const maxCells = 60_000_000;
const maxRows = 5_000_000;

/** Rows of a window that are read at most, by the number of columns. */
function maxWindowRows(columns: number): number {
  return Math.min(maxRows, Math.floor(maxCells / Math.max(1, columns)));
}

const countsOfRows = ['answered', 'outcomes', 'shadows', 'shadow_outcomes'] as const;

/** The count of a segment that limits how many such rows it can have; undefined: all of its rows may be such. */
const countOf: Record<WindowRequest['rows'], (typeof countsOfRows)[number] | undefined> = {
  answered: 'answered',
  with_outcome: 'outcomes',
  assigned: 'outcomes',
  served: undefined,
  shadow: 'shadows',
  shadow_with_outcome: 'shadow_outcomes',
};

export type WindowSegment = Pick<
  PredictionSegmentRow,
  'segment_id' | 'version' | 'rows' | 'min_at' | 'max_at' | (typeof countsOfRows)[number]
>;

/** The segments that can hold rows of the window, newest first. */
export function listWindow(database: Database, request: WindowRequest): Promise<WindowSegment[]> {
  let segments = database
    .selectFrom('prediction_segments')
    .select(['segment_id', 'version', 'rows', 'min_at', 'max_at', ...countsOfRows])
    .where('model_id', '=', request.modelId)
    .where('version', '=', request.version)
    .where('max_at', '>=', request.since)
    .where('min_at', '<', request.until);
  const count = countOf[request.rows];
  if (count !== undefined) segments = segments.where(count, '>', 0);
  return segments.orderBy('max_at', 'desc').orderBy('segment_id', 'desc').execute();
}

/** The most rows of a window that its segments can hold. */
export function windowRows(segments: readonly WindowSegment[], rows: WindowRequest['rows']): number {
  return segments.reduce((sum, segment) => sum + segment[countOf[rows] ?? 'rows'], 0);
}

const ofShadows = ['primary_version', 'primary_latency_ms', 'agrees', 'primary_value', 'call_rows'];
const notWanted = new Set(['id', 'layout', 'error_message', ...ofShadows]);
const ofUnits = new Set(['entity_key', 'call', 'route_set_at']);

/** The columns of the answers that a window needs. */
function answersWanted({ route, beside }: WindowRequest) {
  const isBeside = (name: string) =>
    beside !== undefined && (name === 'primary_version' || name === 'primary_value');
  return {
    has: (name: string) =>
      isBeside(name) || (!notWanted.has(name) && (route !== undefined || !ofUnits.has(name))),
  };
}

/**
 * Reads a window segment by segment, newest first, with one segment in memory beside the window's columns.
 *
 * @param limit rows that are read at most
 */
export function readWindow(
  database: Database,
  request: WindowRequest,
  limit = maxWindowRows(request.features.length + 3),
): Promise<LogWindow> {
  return readUnchanged(async () => {
    const segments = await listWindow(database, request);
    const capacity = Math.min(limit, windowRows(segments, request.rows));
    const window = windowBuilder(request, capacity);
    const parts = ['answers', 'features', 'outcomes'] as const;
    for (const listed of segments) {
      const segment = await openSegment(
        database,
        listed,
        request.features.length > 0 ? parts : ['answers', 'outcomes'],
        answersWanted(request),
      );
      if (window.add(segment) === 'full') break;
      // SQLite runs synchronously, so other calls get their turn here.
      await turn();
    }
    return window.finish();
  });
}
