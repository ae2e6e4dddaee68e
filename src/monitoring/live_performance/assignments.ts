import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../storage/database.ts';
import { readUnchanged } from '../log/changing.ts';
import { openSegment } from '../log/open_segment.ts';
import { cellOf } from '../log/segment.ts';
import { listWindow, type WindowSegment } from '../log/window.ts';

/** Since when and by which weights the calls of a model are shared out. */
export interface Split {
  modelId: string;
  /** Those that carry traffic. */
  versions: readonly { version: string; weight: number }[];
  sticky: boolean;
  since: number;
  until: number;
}

/** What a version got by its weight: pinned calls and those that a breaker sent elsewhere were not shared out. */
export interface Assigned {
  version: string;
  /** Entities, of calls that have one and stay with their version; else calls. */
  units: number;
  calls: number;
  errors: number;
}

/** Rows that are looked at, of all versions together; where there are more, those of the newest segments. */
const maxRows = 1_000_000;
const columns = new Set(['at', 'route', 'entity_key', 'latency_ms', 'error_code']);

/** Counts what was shared out; the log is to be flushed before. */
export function readAssignments(database: Database, split: Split): Promise<Assigned[]> {
  return readUnchanged(async () => {
    const { modelId, until } = split;
    const listed: { version: string; segment: WindowSegment }[] = [];
    for (const { version } of split.versions) {
      const request = { modelId, version, since: split.since, until, rows: 'served' as const, features: [] };
      for (const segment of await listWindow(database, request)) listed.push({ version, segment });
    }
    const since = Math.max(split.since, newestTime(listed.map(({ segment }) => segment)));
    const counters = new Map(split.versions.map(({ version }) => [version, counter(version)]));
    for (const { version, segment } of listed) {
      if (segment.max_at < since) continue;
      const { rows, at, answers } = await openSegment(database, segment, ['answers'], columns);
      const counted = counters.get(version);
      for (let row = 0; row < rows; row++) {
        const time = at[row] ?? 0;
        if (time < since || time >= until || cellOf(answers, 'route', row) !== 'weighted') continue;
        const entity = split.sticky ? cellOf(answers, 'entity_key', row) : null;
        const failed = cellOf(answers, 'error_code', row) !== null;
        counted?.add(time, cellOf(answers, 'latency_ms', row), entity, failed);
      }
      await turn();
    }
    return Array.from(counters.values(), ({ finish }) => finish());
  });
}

/** From when on there are no more rows than are looked at: one time for all versions, or their shares would differ. */
function newestTime(segments: readonly WindowSegment[]): number {
  let rows = 0;
  for (const segment of segments.toSorted((a, b) => b.max_at - a.max_at)) {
    rows += segment.rows;
    if (rows > maxRows) return segment.max_at + 1;
  }
  return Number.NEGATIVE_INFINITY;
}

function counter(version: string) {
  const units = new Set<string>();
  const calls = new Set<string>();
  let errors = 0;
  return {
    add(at: number, latencyMs: unknown, entity: unknown, failed: boolean): void {
      // The rows of one call have its time and its latency to a microsecond.
      const call = `${at} ${latencyMs}`;
      if (!calls.has(call) && failed) errors++;
      calls.add(call);
      units.add(entity === null ? `call ${call}` : `entity ${entity}`);
    },
    finish: (): Assigned => ({ version, units: units.size, calls: calls.size, errors }),
  };
}
