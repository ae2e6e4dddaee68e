import { setImmediate as turn } from 'node:timers/promises';
import { type Agreement, agreementSum } from '../statistics/agreement.ts';
import type { Database } from '../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { type LogColumn, valueAt } from './column.ts';
import { latencyQuantiles, latencySketch, type Quantiles } from './latency.ts';
import type { WindowRequest } from './log_window.ts';
import { openSegment } from './open_segment.ts';
import { cellOf, numbersOf, shadowRows } from './segment.ts';
import { listWindow } from './window.ts';

/** How a version's answers as a shadow compare with those that were given to the same calls. */
export interface ShadowWindow {
  /**
   * Calls that it answered, and calls that it failed, with their rows; failures that are nobody's fault count as
   * neither.
   */
  calls: number;
  failedCalls: number;
  failedRows: number;
  /** Rows that both answered; `one` is the answer that was given, `other` the shadow's. Differences are of numbers only. */
  agreement: Agreement;
  /** By the version that answered the caller, the one with the most rows first. */
  primaries: { version: string; agreement: Agreement }[];
  /** Of the calls that both answered: of the shadow's run, and from the call's arrival to the answer to its caller. */
  latencyMs: Quantiles;
  primaryLatencyMs: Quantiles;
  /** Whether the window has more rows than are read; then they are the newest. */
  truncated: boolean;
}

/** Rows that are read, a few seconds' worth. */
const maxRows = 5_000_000;
const columns = new Set([
  'at',
  'route',
  'call',
  'call_rows',
  'value',
  'agrees',
  'primary_value',
  'primary_version',
  'latency_ms',
  'primary_latency_ms',
  'error_code',
  'fault',
]);

/**
 * Compares each row that a version answered as a shadow with the answer to the same row of the same call, which the
 * log keeps beside it. Flush the log before.
 * @param areClasses whether numbers are the names of classes, which have no difference
 */
export function readShadowWindow(
  database: Database,
  window: Pick<WindowRequest, 'modelId' | 'version' | 'since' | 'until'>,
  areClasses: boolean,
): Promise<ShadowWindow> {
  return readUnchanged(async () => {
    const sums = windowSums(areClasses);
    let [read, truncated] = [0, false];
    for (const listed of await listWindow(database, { ...window, rows: 'shadow', features: [] })) {
      truncated = read >= maxRows;
      if (truncated) break;
      read += listed.shadows;
      const { rows, at, answers } = await openSegment(database, listed, ['answers'], columns);
      const isShadow = shadowRows(answers);
      const segment = sums.segment(answers, rows);
      for (let row = 0; row < rows; row++) {
        const time = at[row] ?? 0;
        if (time >= window.since && time < window.until && isShadow(row)) segment(row);
      }
      // SQLite runs synchronously, so other calls get their turn here.
      await turn();
    }
    return { ...sums.finish(), truncated };
  });
}

function windowSums(areClasses: boolean) {
  const total = agreementSum();
  const byPrimary = new Map<string, ReturnType<typeof agreementSum>>();
  const [own, given] = [latencySketch(), latencySketch()];
  const counts = { calls: 0, failedCalls: 0, failedRows: 0 };
  const primaryOf = (version: string) => {
    const sum = byPrimary.get(version) ?? agreementSum();
    byPrimary.set(version, sum);
    return sum;
  };
  return {
    segment(answers: ReadonlyMap<string, LogColumn>, rows: number) {
      const numbers = (name: string) => numbersOf(answers.get(name), rows);
      const [agrees, ms, primaryMs] = ['agrees', 'latency_ms', 'primary_latency_ms'].map(numbers);
      const [value, primaryValue] = areClasses
        ? [undefined, undefined]
        : [answers.get('value'), answers.get('primary_value')];
      const call = answers.get('call');
      // The rows of a call are in one segment.
      const calls = new Set<unknown>();
      return (row: number): void => {
        if (cellOf(answers, 'error_code', row) !== null) {
          if (cellOf(answers, 'fault', row) === 'nobody') return;
          counts.failedCalls++;
          counts.failedRows += Number(cellOf(answers, 'call_rows', row) ?? 1);
          return;
        }
        const shared = call === undefined ? null : valueAt(call, row);
        if (shared === null || !calls.has(shared)) {
          if (shared !== null) calls.add(shared);
          counts.calls++;
          accept(own, ms?.[row]);
          accept(given, primaryMs?.[row]);
        }
        const pair = {
          agrees: agrees?.[row] === 1,
          one: numberAt(primaryValue, row),
          other: numberAt(value, row),
        };
        total.add(pair);
        primaryOf(String(cellOf(answers, 'primary_version', row))).add(pair);
      };
    },
    finish: (): Omit<ShadowWindow, 'truncated'> => ({
      ...counts,
      agreement: total.finish(),
      primaries: Array.from(byPrimary, ([version, sum]) => ({ version, agreement: sum.finish() })).sort(
        (a, b) => b.agreement.rows - a.agreement.rows,
      ),
      latencyMs: latencyQuantiles(own),
      primaryLatencyMs: latencyQuantiles(given),
    }),
  };
}

function accept(sketch: ReturnType<typeof latencySketch>, ms: number | undefined): void {
  if (ms !== undefined && !Number.isNaN(ms)) sketch.accept(ms);
}

function numberAt(column: LogColumn | undefined, row: number): number {
  const value = column === undefined ? null : valueAt(column, row);
  return typeof value === 'number' ? value : Number.NaN;
}
