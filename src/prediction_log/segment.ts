import { createHash } from 'node:crypto';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import { columnOf, compareUuids, concatenate, idColumn, type LogColumn, pick, valueAt } from './column.ts';

/**
 * Logged rows of one version and one day (UTC) as columns, in the order of time and, at the same time, of prediction
 * ids.
 *
 * Columns of `answers`:
 * - id, at, route, entity_key, latency_ms, error_code, error_message
 * - call: a number that the rows of one call share; null for a call of one row
 * - route_set_at: of weighted calls, when the route was set that assigned them
 * - trace_id: of calls whose callers named their trace
 * - primary_version, primary_latency_ms, agrees (1 or 0), primary_value (unless it is an array), call_rows (the
 *   number of rows of a call that failed): of a shadow's rows
 * - layout: the names of the row's features in their order, or null
 * - classes: the names of the classes that have probabilities, or null; the probabilities are in P[0], P[1] …
 * - value; arrays of numbers have width and value[0], value[1] … instead
 */
export interface Segment {
  modelId: string;
  version: string;
  day: number;
  rows: number;
  answers: Map<string, LogColumn>;
  features: Map<string, LogColumn>;
  /** Outcomes: actual values, null where not known; undefined when no row has one. */
  outcomes: LogColumn | undefined;
}

/** Longer arrays of numbers are kept as JSON. */
const maxSpreadWidth = 1024;

/**
 * The day of a time in milliseconds, counted from 1970. A segment covers one day, so that it can expire as a whole.
 */
export function dayOf(at: number): number {
  return Math.floor(at / 86_400_000);
}

/** The entries' rows, a segment for each version and day. */
export function segmentsOf(entries: readonly PredictionEntry[]): Segment[] {
  const groups = new Map<string, PredictionEntry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.modelId, entry.version, dayOf(entry.at)]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()].flatMap((group) => segmentOf(group) ?? []);
}

function segmentOf(entries: readonly PredictionEntry[]): Segment | undefined {
  const [first] = entries;
  const rows = entries.reduce((sum, entry) => sum + entry.predictionIds.length, 0);
  if (first === undefined || rows === 0) return undefined;
  const answers = columnBuilder(rows);
  const features = columnBuilder(rows);
  const outcomes: unknown[] = new Array(rows).fill(null);
  const ids: string[] = [];
  let hasOutcomes = false;
  let start = 0;
  for (const entry of entries) {
    const layout = entry.features?.map(([name]) => name) ?? null;
    const latencyMs = loggedLatency(entry.latencyMs);
    const call = callNumber(entry.predictionIds);
    entry.predictionIds.forEach((id, index) => {
      const row = start + index;
      ids.push(id);
      answers.set('at', row, entry.at);
      answers.set('route', row, entry.route);
      answers.set('entity_key', row, entry.entityKeys?.[index] ?? entry.entityKey);
      answers.set('latency_ms', row, latencyMs);
      answers.set('error_code', row, entry.error?.code ?? null);
      answers.set('error_message', row, entry.error?.message ?? null);
      // Columns that no row has are not written.
      if (entry.error?.fault !== undefined) answers.set('fault', row, entry.error.fault);
      if (call !== undefined) answers.set('call', row, call);
      if (entry.routeSetAt !== undefined) answers.set('route_set_at', row, entry.routeSetAt);
      if (entry.traceId !== undefined) answers.set('trace_id', row, entry.traceId);
      if (entry.shadow !== undefined) setComparison(answers, row, entry.shadow, index, entry.error !== null);
      answers.set('layout', row, layout);
      if (entry.error === null) {
        setValue(answers, row, entry.values[index] ?? null);
        setProbabilities(answers, row, entry.probabilities[index] ?? null);
      }
      const actual = entry.outcomes?.[index] ?? null;
      outcomes[row] = actual;
      hasOutcomes ||= actual !== null;
    });
    for (const [name, values] of entry.features ?? [])
      for (let index = 0; index < entry.predictionIds.length; index++)
        features.set(name, start + index, values[index] ?? null);
    start += entry.predictionIds.length;
  }
  return inOrder({
    modelId: first.modelId,
    version: first.version,
    day: dayOf(first.at),
    rows,
    answers: new Map([['id', idColumn(ids)], ...answers.columns()]),
    features: new Map(features.columns()),
    outcomes: hasOutcomes ? columnOf(outcomes) : undefined,
  });
}

/** Rounded to microseconds: finer than anything that is shown, and shorter to store. */
export function loggedLatency(latencyMs: number | null): number | null {
  return latencyMs === null ? null : Math.round(latencyMs * 1000) / 1000;
}

function setComparison(
  answers: ColumnBuilder,
  row: number,
  { primaryVersion, primaryLatencyMs, agrees, primaryValues, rows }: NonNullable<PredictionEntry['shadow']>,
  index: number,
  isFailed: boolean,
): void {
  answers.set('primary_version', row, primaryVersion);
  if (primaryLatencyMs !== undefined)
    answers.set('primary_latency_ms', row, Math.round(primaryLatencyMs * 1000) / 1000);
  if (isFailed) {
    answers.set('call_rows', row, rows ?? null);
    return;
  }
  if (agrees !== undefined) answers.set('agrees', row, Number(agrees[index] ?? false));
  const value = primaryValues?.[index] ?? null;
  if (!Array.isArray(value)) answers.set('primary_value', row, value);
}

/** Tells a call of several rows from others of the same millisecond: 48 bits of the digest of its first id. */
export function callNumber([first, second]: readonly string[]): number | undefined {
  if (first === undefined || second === undefined) return undefined;
  return createHash('sha256').update(first).digest().readUIntBE(0, 6);
}

type ColumnBuilder = ReturnType<typeof columnBuilder>;

/** Columns that are created with their first value. */
function columnBuilder(rows: number) {
  const columns = new Map<string, unknown[]>();
  return {
    set(name: string, row: number, value: unknown): void {
      let column = columns.get(name);
      if (column === undefined) {
        column = new Array<unknown>(rows).fill(null);
        columns.set(name, column);
      }
      column[row] = value;
    },
    columns: (): [string, LogColumn][] => Array.from(columns, ([name, values]) => [name, columnOf(values)]),
  };
}

function setValue(answers: ColumnBuilder, row: number, value: unknown): void {
  if (!isSpread(value)) {
    answers.set('value', row, value);
    return;
  }
  answers.set('width', row, value.length);
  value.forEach((number, index) => {
    answers.set(`value[${index}]`, row, number);
  });
}

function isSpread(value: unknown): value is (number | null)[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= maxSpreadWidth &&
    value.every((item) => typeof item === 'number' || item === null)
  );
}

function setProbabilities(
  answers: ColumnBuilder,
  row: number,
  pairs: readonly [string, number | null][] | null,
): void {
  if (pairs === null) return;
  answers.set(
    'classes',
    row,
    pairs.map(([label]) => label),
  );
  pairs.forEach(([, probability], index) => {
    answers.set(`P[${index}]`, row, probability);
  });
}

/** The rows of segments of one version and day as one segment. */
export function mergeSegments(segments: readonly Segment[]): Segment {
  const [first] = segments;
  if (first === undefined) throw new RangeError('no segments to merge');
  const join = (columnsOf: (segment: Segment) => Map<string, LogColumn>) => {
    const names = new Set(segments.flatMap((segment) => [...columnsOf(segment).keys()]));
    return new Map(
      Array.from(names, (name) => [
        name,
        concatenate(
          segments.map((segment) => ({ column: columnsOf(segment).get(name), rows: segment.rows })),
        ),
      ]),
    );
  };
  return inOrder({
    modelId: first.modelId,
    version: first.version,
    day: first.day,
    rows: segments.reduce((sum, { rows }) => sum + rows, 0),
    answers: join(({ answers }) => answers),
    features: join(({ features }) => features),
    outcomes: segments.some(({ outcomes }) => outcomes !== undefined)
      ? concatenate(segments.map(({ outcomes, rows }) => ({ column: outcomes, rows })))
      : undefined,
  });
}

function inOrder(segment: Segment): Segment {
  const at = numbersOf(segment.answers.get('at'), segment.rows);
  const id = segment.answers.get('id');
  const idOf = (row: number) => (id === undefined ? '' : String(valueAt(id, row)));
  const compareIds = (a: number, b: number) => {
    if (id?.kind === 'uuids') return compareUuids(id.bytes, a, b);
    return idOf(a) < idOf(b) ? -1 : Number(idOf(a) > idOf(b));
  };
  const compare = (a: number, b: number) => (at[a] ?? 0) - (at[b] ?? 0) || compareIds(a, b);
  const isSorted = at.every((_, row) => row === 0 || compare(row - 1, row) <= 0);
  if (isSorted) return segment;
  const order = Uint32Array.from({ length: segment.rows }, (_, row) => row).sort(compare);
  const reorder = (columns: Map<string, LogColumn>) =>
    new Map(Array.from(columns, ([name, column]) => [name, pick(column, order)]));
  return {
    ...segment,
    answers: reorder(segment.answers),
    features: reorder(segment.features),
    outcomes: segment.outcomes && pick(segment.outcomes, order),
  };
}

/** A column of numbers; all NaN where there is none. */
export function numbersOf(column: LogColumn | undefined, rows: number): Float64Array {
  if (column?.kind === 'numbers') return column.values;
  return new Float64Array(rows).fill(Number.NaN);
}

/** Whether a row is a shadow's. */
export function shadowRows(answers: ReadonlyMap<string, LogColumn>): (row: number) => boolean {
  const route = answers.get('route');
  return (row) => route !== undefined && valueAt(route, row) === 'shadow';
}

/** Whether a row was answered by a shadow, without failing. */
export function answeredShadowRows(answers: ReadonlyMap<string, LogColumn>): (row: number) => boolean {
  const [isShadow, error] = [shadowRows(answers), answers.get('error_code')];
  return (row) => isShadow(row) && (error === undefined || valueAt(error, row) === null);
}

/** Whether a row was answered to a caller: it did not fail, and it is no shadow's. */
export function answeredRows(
  answers: ReadonlyMap<string, LogColumn>,
  rows: number,
): (row: number) => boolean {
  const [error, route] = [answers.get('error_code'), answers.get('route')];
  if (rows === 0 || error === undefined || route === undefined) return () => true;
  return (row) => valueAt(error, row) === null && valueAt(route, row) !== 'shadow';
}

/** The prediction in a row. */
export function answerOf(answers: ReadonlyMap<string, LogColumn>, row: number): unknown {
  const cell = (name: string) => cellOf(answers, name, row);
  const width = cell('width');
  if (typeof width !== 'number') return cell('value');
  return Array.from({ length: width }, (_, index) => cell(`value[${index}]`));
}

/** [class, probability] of a row; null where there are none. A probability that was NaN is null. */
export function probabilitiesOf(
  answers: ReadonlyMap<string, LogColumn>,
  row: number,
): [string, number | null][] | null {
  const classes = cellOf(answers, 'classes', row);
  if (!Array.isArray(classes)) return null;
  return classes.map((label, index) => {
    const probability = cellOf(answers, `P[${index}]`, row);
    return [String(label), typeof probability === 'number' ? probability : null];
  });
}

/** The JSON value of a row in the column of that name; null where there is no such column. */
export function cellOf(columns: ReadonlyMap<string, LogColumn>, name: string, row: number): unknown {
  const column = columns.get(name);
  return column === undefined ? null : valueAt(column, row);
}
