import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../storage/database.ts';
import type { PredictionSegmentRow } from '../../storage/schema.ts';
import type { FeatureKind } from '../columns.ts';
import { readUnchanged } from './changing.ts';
import { type LogColumn, valueAt } from './column.ts';
import { type OpenSegment, openSegment } from './open_segment.ts';
import { answeredRows } from './segment.ts';
import { columnCollector, type WantedKind, type WindowColumn } from './window_column.ts';

export interface WindowRequest {
  modelId: string;
  version: string;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /**
   * answered: the rows that were answered to callers. with_outcome: those of them of which it is known what really
   * was; assigned: those of them that the route's weights sent to the version. served: those that failed too. shadow:
   * what the version answered, or failed to, as a shadow.
   */
  rows: 'answered' | 'with_outcome' | 'assigned' | 'served' | 'shadow';
  /** The features that are wanted, and how their values compare. */
  features: readonly FeatureKind[];
}

/**
 * Logged rows of one version in a stretch of time as columns, older segments first; within a segment in the order of
 * time. Segments that several processes wrote at once overlap, so that the whole need not be in that order.
 */
export interface LogWindow {
  rows: number;
  /** True when the window held more rows than are read; then the newest were taken. */
  truncated: boolean;
  /** Milliseconds since 1970. */
  at: Float64Array;
  latencyMs: Float64Array;
  /** Those wanted, but for features that are in no row's log: they were left out of it, or are another version's. */
  features: WindowColumn[];
  /** The label or number; of a model that answers arrays one column an element. */
  values: WindowColumn[];
  /** One column a class, in the order of the model. */
  probabilities: { label: string; values: Float64Array }[];
  /** What really was, in the form of the values; undefined when it is known of no row. */
  actual: WindowColumn | undefined;
  /** The error code of rows that failed; undefined when none did. */
  errors: WindowColumn | undefined;
}

/** What one reading may hold in memory: 60 million numbers are 480 MB. */
const maxCells = 60_000_000;
const maxRows = 5_000_000;

/** The rows of a window that are read at most, by the number of its columns. */
export function maxWindowRows(columns: number): number {
  return Math.min(maxRows, Math.floor(maxCells / Math.max(1, columns)));
}

export type WindowSegment = Pick<
  PredictionSegmentRow,
  'segment_id' | 'version' | 'rows' | 'answered' | 'outcomes' | 'min_at' | 'max_at'
>;

/** The segments that can hold rows of the window, newest first. */
export function listWindow(database: Database, request: WindowRequest): Promise<WindowSegment[]> {
  let segments = database
    .selectFrom('prediction_segments')
    .select(['segment_id', 'version', 'rows', 'answered', 'outcomes', 'min_at', 'max_at'])
    .where('model_id', '=', request.modelId)
    .where('version', '=', request.version)
    .where('max_at', '>=', request.since)
    .where('min_at', '<', request.until);
  if (request.rows === 'answered') segments = segments.where('answered', '>', 0);
  if (isWithOutcome(request.rows)) segments = segments.where('outcomes', '>', 0);
  return segments.orderBy('max_at', 'desc').orderBy('segment_id', 'desc').execute();
}

function isWithOutcome(rows: WindowRequest['rows']): boolean {
  return rows === 'with_outcome' || rows === 'assigned';
}

/** The most rows of a window that its segments can hold. */
export function windowRows(segments: readonly WindowSegment[], rows: WindowRequest['rows']): number {
  return segments.reduce((sum, segment) => {
    if (rows === 'answered') return sum + segment.answered;
    return sum + (isWithOutcome(rows) ? segment.outcomes : segment.rows);
  }, 0);
}

const notWanted = new Set(['id', 'entity_key', 'layout', 'error_message']);
const answersWanted = { has: (name: string) => !notWanted.has(name) };

/**
 * Reads a window segment by segment, newest first, in memory for its columns and one segment.
 * @param limit rows that are read at most.
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
        answersWanted,
      );
      if (window.add(segment) === 'full') break;
      // With SQLite nothing above need have waited.
      await turn();
    }
    return window.finish();
  });
}

function windowBuilder(request: WindowRequest, capacity: number) {
  const { features } = request;
  const collectors = new Map<string, ReturnType<typeof columnCollector>>();
  const collectorOf = (name: string, wanted: WantedKind) => {
    const known = collectors.get(name);
    if (known !== undefined) return known;
    const collector = columnCollector(name.slice(name.indexOf(':') + 1), wanted, capacity);
    collectors.set(name, collector);
    return collector;
  };
  const collect = (name: string, wanted: WantedKind, segment: Selected, column: LogColumn | undefined) => {
    if (column !== undefined) collectorOf(name, wanted).put(column, segment.selection, segment.start);
  };
  const classes: string[] = [];
  const probabilities = new Map<string, Float64Array>();
  let start = capacity;
  let truncated = false;

  return {
    add(segment: OpenSegment): 'full' | 'more' {
      const found = selectRows(segment, request);
      const kept = Math.min(found.length, start);
      truncated ||= kept < found.length;
      start -= kept;
      const selected = { selection: found.subarray(found.length - kept), start };
      const { answers } = segment;
      collect('at:at', 'numeric', selected, answers.get('at'));
      collect('latency:latency_ms', 'numeric', selected, answers.get('latency_ms'));
      collect('error:error_code', 'categorical', selected, answers.get('error_code'));
      collect('actual:actual', 'any', selected, segment.outcomes);
      collect('value:prediction', 'any', selected, answers.get('value'));
      for (const [name, column] of answers)
        if (name.startsWith('value[')) collect(`value:prediction${name.slice(5)}`, 'any', selected, column);
      collectProbabilities(probabilities, classes, answers, selected, capacity);
      const isWhole = kept === segment.rows;
      const rest = features.filter(({ name, kind }) => {
        if (!isWhole || kind !== 'numeric') return true;
        // Straight to where they belong.
        return !segment.readNumbers(name, () => collectorOf(`feature:${name}`, kind).numbers(start, kept));
      });
      const columns = segment.features(new Set(rest.map(({ name }) => name)));
      for (const { name, kind } of rest) collect(`feature:${name}`, kind, selected, columns.get(name));
      return start === 0 && truncated ? 'full' : 'more';
    },
    finish(): LogWindow {
      const numbers = (name: string) => {
        const column = collectors.get(name)?.finish(start);
        return column?.kind === 'numeric' ? column.values : new Float64Array(capacity - start);
      };
      const known = (name: string) => {
        const column = collectors.get(name)?.finish(start);
        return column !== undefined && hasValues(column) ? column : undefined;
      };
      const values = [...collectors]
        .filter(([name]) => name.startsWith('value:'))
        .map(([, collector]) => collector.finish(start));
      return {
        rows: capacity - start,
        truncated,
        at: numbers('at:at'),
        latencyMs: numbers('latency:latency_ms'),
        features: features.flatMap(({ name }) => collectors.get(`feature:${name}`)?.finish(start) ?? []),
        // Failed rows have no value; a model that answers arrays has no single one.
        values: values.length > 1 ? values.filter(hasValues) : values,
        probabilities: classes.map((label) => ({
          label,
          values: probabilities.get(label)?.subarray(start) ?? new Float64Array(),
        })),
        actual: known('actual:actual'),
        errors: known('error:error_code'),
      };
    },
  };
}

function hasValues(column: WindowColumn): boolean {
  if (column.kind === 'numeric') return column.values.some((value) => !Number.isNaN(value));
  return column.codes.some((code) => code >= 0);
}

interface Selected {
  /** Rows of the segment. */
  selection: Uint32Array;
  /** Where in the window they begin. */
  start: number;
}

function selectRows({ rows, at, answers, outcomes }: OpenSegment, request: WindowRequest): Uint32Array {
  const isAnswered = answeredRows(answers, rows);
  const route = answers.get('route');
  const routeOf = (row: number) => (route === undefined ? undefined : valueAt(route, row));
  const isShadow = (row: number) => routeOf(row) === 'shadow';
  const hasOutcome = (row: number) =>
    isAnswered(row) && outcomes !== undefined && valueAt(outcomes, row) !== null;
  const matches = (row: number): boolean => {
    switch (request.rows) {
      case 'answered':
        return isAnswered(row);
      case 'with_outcome':
        return hasOutcome(row);
      case 'assigned':
        return hasOutcome(row) && routeOf(row) === 'weighted';
      case 'served':
        return !isShadow(row);
      case 'shadow':
        return isShadow(row);
    }
  };
  const selection = new Uint32Array(rows);
  let selected = 0;
  for (let row = 0; row < rows; row++) {
    const time = at[row] ?? 0;
    if (time >= request.since && time < request.until && matches(row)) selection[selected++] = row;
  }
  return selection.subarray(0, selected);
}

/** The rows' classes are told by `classes`, and the probability of the nth is in P[n]. */
function collectProbabilities(
  into: Map<string, Float64Array>,
  known: string[],
  answers: ReadonlyMap<string, LogColumn>,
  { selection, start }: Selected,
  capacity: number,
): void {
  const classes = answers.get('classes');
  if (classes?.kind !== 'dictionary') return;
  classes.entries.forEach((labels, code) => {
    if (!Array.isArray(labels)) return;
    labels.forEach((label: unknown, position) => {
      const column = answers.get(`P[${position}]`);
      if (column?.kind !== 'numbers') return;
      const name = String(label);
      let values = into.get(name);
      if (values === undefined) {
        values = new Float64Array(capacity).fill(Number.NaN);
        into.set(name, values);
        known.push(name);
      }
      for (let index = 0; index < selection.length; index++) {
        const row = selection[index] ?? 0;
        if (classes.codes[row] === code) values[start + index] = column.values[row] ?? Number.NaN;
      }
    });
  });
}
