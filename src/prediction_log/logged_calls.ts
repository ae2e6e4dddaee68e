import { seededRandom } from '../statistics/random.ts';
import type { Database } from '../storage/database.ts';
import { segmentGone } from './changing.ts';
import { type LogColumn, pick } from './column.ts';
import { drawNumbers, smallestOf } from './draw_calls.ts';
import { openSegment } from './open_segment.ts';
import { answeredRows } from './segment.ts';
import { numberUnits, unitColumns } from './units.ts';
import type { WindowSegment } from './window.ts';

/** Which calls of a model are wanted: from `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
export interface CallWindow {
  modelId: string;
  since: number;
  until: number;
}

/** Rows that were answered to callers, whichever version answered; each row once, for shadows' rows are left out. */
export interface LoggedCalls {
  /** The version that answered them. */
  version: string;
  rows: number;
  ids: LogColumn;
  features: ReadonlyMap<string, LogColumn>;
  /** The names of the features that a row has: entries are arrays of names, or null for a call without features. */
  layout: LogColumn | undefined;
  /** What was answered; absent where the answers are arrays. */
  values: LogColumn | undefined;
  /** Actual values, null where they are not known. */
  outcomes: LogColumn | undefined;
  /** The unit of each row, numbered from 0: its entity, else its call. */
  units: Int32Array;
}

/** The rows of a window that are to be read. */
export interface DrawnCalls {
  segments: (WindowSegment & { answered: number })[];
  /** Rows in the window. */
  available: number;
  /** Rows that are drawn of them. */
  drawn: number;
  /** undefined: all. */
  bound: number | undefined;
}

const idColumns = new Set(['id', 'at', 'route', 'error_code']);
const answerColumns = new Set([...unitColumns, ...idColumns, 'layout', 'value']);

/**
 * Draws rows uniformly and without replacement: the same of the same log whatever has been merged in it.
 *
 * @param database that shows one moment, see storage/snapshot.ts
 */
export async function drawCalls(
  database: Database,
  window: CallWindow,
  most: number,
  seed: number,
): Promise<DrawnCalls> {
  const segments = await database
    .selectFrom('prediction_segments')
    .select(['segment_id', 'version', 'rows', 'min_at', 'max_at', 'answered'])
    .select(['outcomes', 'shadows', 'shadow_outcomes'])
    .where('model_id', '=', window.modelId)
    .where('max_at', '>=', window.since)
    .where('min_at', '<', window.until)
    .where('answered', '>', 0)
    .orderBy('min_at')
    .orderBy('segment_id')
    .execute();
  const smallest = smallestOf(most);
  const isInside = segments.every(({ min_at, max_at }) => min_at >= window.since && max_at < window.until);
  const all = segments.reduce((sum, { answered }) => sum + answered, 0);
  if (isInside && all <= most) return { segments, available: all, drawn: all, bound: undefined };
  for (const listed of segments) {
    const segment = await openSegment(database, listed, ['answers'], idColumns);
    const ids = segment.answers.get('id');
    if (ids === undefined) throw segmentGone;
    const selection = selectRows(segment, window);
    smallest.add(drawNumbers(selection.length === segment.rows ? ids : pick(ids, selection), seed));
  }
  const { seen, bound } = smallest.finish();
  return seen <= most
    ? { segments, available: seen, drawn: seen, bound: undefined }
    : { segments, available: seen, drawn: most, bound };
}

/**
 * Reads the drawn rows, a segment in memory at a time; the segments come in a random order, so that the first rows are no
 * others than the last.
 *
 * @param features the names of those that are wanted
 */
export async function* readCalls(
  database: Database,
  window: CallWindow,
  { segments, bound }: DrawnCalls,
  features: ReadonlySet<string>,
  seed: number,
): AsyncGenerator<LoggedCalls> {
  const units = numberUnits(true);
  for (const place of shuffled(segments.length, seed)) {
    const listed = segments[place];
    if (listed === undefined) continue;
    const segment = await openSegment(database, listed, ['answers', 'features', 'outcomes'], answerColumns);
    const ids = segment.answers.get('id');
    if (ids === undefined) throw segmentGone;
    const found = selectRows(segment, window);
    const numbers = bound === undefined ? undefined : drawNumbers(ids, seed);
    const selection =
      bound === undefined || numbers === undefined
        ? found
        : found.filter((row) => (numbers[row] ?? bound) <= bound);
    if (selection.length === 0) continue;
    const isWhole = selection.length === segment.rows;
    const picked = (column: LogColumn) => (isWhole ? column : pick(column, selection));
    const answer = (name: string) => {
      const column = segment.answers.get(name);
      return column === undefined ? undefined : picked(column);
    };
    yield {
      version: listed.version,
      rows: selection.length,
      ids: picked(ids),
      features: new Map(
        [...segment.features(features)].map(([name, column]): [string, LogColumn] => [name, picked(column)]),
      ),
      layout: answer('layout'),
      values: answer('value'),
      outcomes: segment.outcomes && picked(segment.outcomes),
      units: Int32Array.from(selection, units.of(segment.answers, segment.at)),
    };
  }
}

function selectRows(
  { rows, at, answers }: Awaited<ReturnType<typeof openSegment>>,
  { since, until }: CallWindow,
): Uint32Array {
  const isAnswered = answeredRows(answers, rows);
  const selection = new Uint32Array(rows);
  let selected = 0;
  for (let row = 0; row < rows; row++) {
    const time = at[row] ?? 0;
    if (time >= since && time < until && isAnswered(row)) selection[selected++] = row;
  }
  return selection.subarray(0, selected);
}

/** The numbers 0 … count − 1 in a random order (Fisher-Yates). */
function shuffled(count: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  const order = Uint32Array.from({ length: count }, (_, place) => place);
  for (let last = count - 1; last > 0; last--) {
    const place = Math.floor(random() * (last + 1));
    const value = order[last] ?? 0;
    order[last] = order[place] ?? 0;
    order[place] = value;
  }
  return order;
}
