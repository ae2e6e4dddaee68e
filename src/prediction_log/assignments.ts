import { setImmediate as turn } from 'node:timers/promises';
import { shareOfUnits, type UnitEstimate } from '../statistics/unit_estimate.ts';
import type { Database } from '../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { openSegment } from './open_segment.ts';
import { cellOf, numbersOf } from './segment.ts';
import { numberUnits, unitColumns } from './units.ts';
import { listWindow, type WindowSegment } from './window.ts';

/** The weights by which a route assigns calls to versions, and since when. */
export interface Split {
  modelId: string;
  /** The versions that carry traffic. */
  versions: readonly { version: string; weight: number }[];
  sticky: boolean;
  /** When the route was set, milliseconds since 1970: calls that an earlier route assigned are left out. */
  setAt: number;
  since: number;
  until: number;
  /** active: one version had all calls, so that those count which no weights shared out. Default weighted. */
  kind?: 'active' | undefined;
  /** Whether latencies are wanted too. */
  timed?: boolean | undefined;
}

/** Calls one by one: latency in milliseconds (NaN: failed), their units and the seconds that they came in, numbered from 0 on. */
export interface TimedCalls {
  latencyMs: Float64Array;
  unit: Int32Array;
  second: Int32Array;
}

/**
 * What the weights assigned to a version. Pinned calls, and those that a breaker sent elsewhere, were not assigned by
 * weight.
 */
export interface Assigned {
  version: string;
  /** Assignment units: entities where calls of one stay with their version, else calls. */
  units: number;
  /** Units of which a call failed. */
  failedUnits: number;
  calls: number;
  errors: number;
  /** Where they were asked for. */
  timed: TimedCalls | undefined;
  /** The share of calls that failed, with its variance over units; undefined without calls. */
  errorRate: UnitEstimate | undefined;
}

/** Rows that are read at most, of all versions together: those of the newest segments. */
const maxRows = 1_000_000;
const columns = new Set([...unitColumns, 'route', 'route_set_at', 'error_code', 'fault', 'latency_ms']);

/** Counts what was assigned. Flush the log before. */
export function readAssignments(database: Database, split: Split): Promise<Assigned[]> {
  return readUnchanged(async () => {
    const { modelId, until, kind = 'weighted' } = split;
    const listed: { version: string; segment: WindowSegment }[] = [];
    for (const { version } of split.versions) {
      const request = { modelId, version, since: split.since, until, rows: 'served' as const, features: [] };
      for (const segment of await listWindow(database, request)) listed.push({ version, segment });
    }
    const since = Math.max(split.since, newestTime(listed.map(({ segment }) => segment)));
    const counters = new Map(split.versions.map(({ version }) => [version, counter(version, split)]));
    for (const { version, segment } of listed) {
      if (segment.max_at < since) continue;
      const { rows, at, answers } = await openSegment(database, segment, ['answers'], columns);
      const count = counters.get(version)?.segment(answers, at);
      const latencyMs = numbersOf(answers.get('latency_ms'), rows);
      for (let row = 0; row < rows; row++) {
        const time = at[row] ?? 0;
        if (time < since || time >= until || cellOf(answers, 'route', row) !== kind) continue;
        if (kind === 'weighted' && cellOf(answers, 'route_set_at', row) !== split.setAt) continue;
        // An error that the caller caused, or nobody, does not count against the version.
        const failed = cellOf(answers, 'error_code', row) !== null && cellOf(answers, 'fault', row) === null;
        count?.(
          row,
          failed,
          cellOf(answers, 'error_code', row) === null ? (latencyMs[row] ?? Number.NaN) : Number.NaN,
        );
      }
      await turn();
    }
    return Array.from(counters.values(), ({ finish }) => finish());
  });
}

/**
 * The earliest time from which all rows are within the limit. It is the same for all versions, since their shares
 * would be biased otherwise.
 */
function newestTime(segments: readonly WindowSegment[]): number {
  let rows = 0;
  for (const segment of segments.toSorted((a, b) => b.max_at - a.max_at)) {
    rows += segment.rows;
    if (rows > maxRows) return segment.max_at + 1;
  }
  return Number.NEGATIVE_INFINITY;
}

function counter(version: string, { sticky, timed }: Split) {
  const [units, calls] = [numberUnits(sticky), numberUnits(false)];
  const [latencies, unitOfCall, secondOfCall]: [number[], number[], number[]] = [[], [], []];
  const seconds = new Map<number, number>();
  const callsOf: number[] = [];
  const errorsOf: number[] = [];
  return {
    segment(...segment: Parameters<typeof units.of>) {
      const [, at] = segment;
      const [unitOf, callOf] = [units.of(...segment), calls.of(...segment)];
      return (row: number, failed: boolean, latencyMs: number): void => {
        const unit = unitOf(row);
        const before = calls.count();
        callOf(row);
        // A further row of a call that is already counted.
        if (calls.count() === before) return;
        callsOf[unit] = (callsOf[unit] ?? 0) + 1;
        errorsOf[unit] = (errorsOf[unit] ?? 0) + Number(failed);
        if (timed !== true || (Number.isNaN(latencyMs) && !failed)) return;
        const time = Math.floor((at[row] ?? 0) / 1000);
        const second = seconds.get(time) ?? seconds.size;
        seconds.set(time, second);
        latencies.push(latencyMs);
        unitOfCall.push(unit);
        secondOfCall.push(second);
      };
    },
    finish: (): Assigned => ({
      version,
      units: units.count(),
      failedUnits: errorsOf.filter((errors) => errors > 0).length,
      calls: calls.count(),
      errors: errorsOf.reduce((sum, errors) => sum + errors, 0),
      timed: timed
        ? {
            latencyMs: Float64Array.from(latencies),
            unit: Int32Array.from(unitOfCall),
            second: Int32Array.from(secondOfCall),
          }
        : undefined,
      errorRate: shareOfUnits(Float64Array.from(errorsOf), Float64Array.from(callsOf)),
    }),
  };
}
