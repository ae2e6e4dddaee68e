import type { LogWindow, WindowRequest } from '../prediction_log/log_window.ts';
import type { WindowReader } from '../prediction_log/window_reader.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { largestDistance } from '../statistics/largest_distance.ts';
import type { StepEvidence } from './evidence.ts';

/**
 * How far apart both versions' predictions are: the largest distance between their distribution functions. Of a
 * classifier with probabilities those of its last class, of one without the labels in alphabetical order, else numbers;
 * of models that answer arrays nothing.
 *
 * @param versions candidate and incumbent
 */
export async function readDrift(
  readWindow: WindowReader,
  [candidate, incumbent]: readonly [VersionRecord, VersionRecord],
  {
    since,
    until,
    isShadow,
    route,
  }: { since: number; until: number; isShadow: boolean; route: WindowRequest['route'] },
): Promise<StepEvidence['drift']> {
  const read = ({ modelId, version }: VersionRecord, rows: WindowRequest['rows']) =>
    readWindow({ modelId, version, since, until, rows, features: [], route });
  const own = await read(candidate, isShadow ? 'shadow' : 'answered');
  const other = await read(incumbent, 'answered');
  const labels = [...new Set([...labelsOf(own), ...labelsOf(other)])].sort();
  const [ours, theirs] = [own, other].map((window) => scores(window, labels));
  if (ours === undefined || theirs === undefined || ours.length === 0 || theirs.length === 0)
    return undefined;
  const distance = largestDistance(theirs.sort(), ours);
  return { distance, candidate: unitsOf(own), incumbent: unitsOf(other) };
}

function labelsOf({ values }: LogWindow): string[] {
  const [column] = values;
  return column === undefined || column.kind === 'numeric' ? [] : column.categories;
}

/** Finite numbers, one a row that has one. */
function scores({ values, probabilities }: LogWindow, labels: readonly string[]): Float64Array | undefined {
  const [column] = values;
  const last = probabilities.at(-1);
  if (last !== undefined) return last.values.filter(Number.isFinite);
  if (column === undefined || values.length > 1) return undefined;
  if (column.kind === 'numeric') return column.values.filter(Number.isFinite);
  const order = column.categories.map((label) => labels.indexOf(label));
  return Float64Array.from(
    column.codes.filter((code) => code >= 0),
    (code) => order[code] ?? 0,
  );
}

function unitsOf({ units }: LogWindow): number {
  return units === undefined ? 0 : units.reduce((most, unit) => Math.max(most, unit + 1), 0);
}
