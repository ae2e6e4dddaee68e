import { roundAsModel } from '../serving/codec/round_as_model.ts';
import type { Column, WantedKind } from '../tables/column.ts';
import { type LogColumn, valueAt } from './column.ts';
import type { LogWindow, WindowRequest } from './log_window.ts';
import type { OpenSegment } from './open_segment.ts';
import { answeredRows, answeredShadowRows, shadowRows } from './segment.ts';
import { numberUnits } from './units.ts';
import { columnCollector } from './window_column.ts';

/**
 * The columns of a window, filled from their end, since segments come newest first.
 * @param capacity rows that there is room for; of more the newest are kept
 */
export function windowBuilder(request: WindowRequest, capacity: number) {
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
  const units = request.route !== undefined ? new Int32Array(capacity) : undefined;
  const unitNumbers = numberUnits(request.route?.sticky ?? false);
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
      const isGiven = request.beside?.answer === 'given';
      collect('value:prediction', 'any', selected, answers.get(isGiven ? 'primary_value' : 'value'));
      for (const [name, column] of answers)
        if (!isGiven && name.startsWith('value['))
          collect(`value:prediction${name.slice(5)}`, 'any', selected, column);
      if (!isGiven) collectProbabilities(probabilities, classes, answers, selected, capacity);
      if (units !== undefined) {
        const unitOf = unitNumbers.of(answers, segment.at);
        for (let index = 0; index < kept; index++)
          units[start + index] = unitOf(selected.selection[index] ?? 0);
      }
      const isWhole = kept === segment.rows;
      const rest = features.filter(({ name, kind }) => {
        if (!isWhole || kind !== 'numeric') return true;
        // Numbers are decoded directly into the window's column.
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
        features: features.flatMap(({ name, datatype }) => {
          const column = collectors.get(`feature:${name}`)?.finish(start);
          if (column?.kind === 'numeric') roundAsModel(column.values, datatype);
          return column ?? [];
        }),
        // Failed rows have no value, and a model that answers arrays has several columns.
        values: values.length > 1 ? values.filter(hasValues) : values,
        probabilities: classes.map((label) => ({
          label,
          values: probabilities.get(label)?.subarray(start) ?? new Float64Array(),
        })),
        actual: known('actual:actual'),
        errors: known('error:error_code'),
        units: units?.subarray(start),
      };
    },
  };
}

function hasValues(column: Column): boolean {
  if (column.kind === 'numeric') return column.values.some((value) => !Number.isNaN(value));
  return column.codes.some((code) => code >= 0);
}

interface Selected {
  /** Rows of the segment that are in the window. */
  selection: Uint32Array;
  /** Position of the first of them in the window. */
  start: number;
}

function selectRows({ rows, at, answers, outcomes }: OpenSegment, request: WindowRequest): Uint32Array {
  const isAnswered = answeredRows(answers, rows);
  const route = answers.get('route');
  const routeOf = (row: number) => (route === undefined ? undefined : valueAt(route, row));
  const setAt = answers.get('route_set_at');
  const wasSetAt = (row: number) => (setAt === undefined ? null : valueAt(setAt, row));
  const isShadow = shadowRows(answers);
  const isKnown = (row: number) => outcomes !== undefined && valueAt(outcomes, row) !== null;
  const hasOutcome = (row: number) => isAnswered(row) && isKnown(row);
  const primary = answers.get('primary_version');
  const isBeside = (row: number) =>
    request.beside === undefined ||
    (primary !== undefined && valueAt(primary, row) === request.beside.version);
  const isAnsweredShadow = answeredShadowRows(answers);
  const matches = (row: number): boolean => {
    switch (request.rows) {
      case 'answered':
        return isAnswered(row);
      case 'with_outcome':
        return hasOutcome(row);
      case 'assigned':
        return hasOutcome(row) && routeOf(row) === 'weighted' && wasSetAt(row) === request.route?.setAt;
      case 'served':
        return !isShadow(row);
      case 'shadow':
        return isAnsweredShadow(row);
      case 'shadow_with_outcome':
        return isAnsweredShadow(row) && isKnown(row) && isBeside(row);
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

/** `classes` lists the classes of a row; the probability of the nth is in column P[n]. */
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
