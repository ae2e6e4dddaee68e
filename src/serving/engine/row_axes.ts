import type { InspectedOutput } from '../../registry/model_inspector.ts';
import type { NamedRows } from '../graph/named_rows.ts';
import type { TrialRun } from './trial.ts';

/**
 * Determines along which axis every output has its rows, or that it has none and so belongs to the whole call, such as
 * the detections in several images together. The names of the file's dimensions decide; without them trial runs do, in
 * each of which an axis must have the number of rows; without those, the output stays as it is.
 */
export function withRows(
  outputs: readonly InspectedOutput[],
  named: ReadonlyMap<string, NamedRows>,
  trials: readonly TrialRun[],
): InspectedOutput[] {
  return outputs.map((output) => {
    const axis = rowsOf(output, named.get(output.name), trials);
    if (axis === undefined || axis === defaultRowAxis(output)) return output;
    if (axis !== 'call') return { ...output, row_axis: axis };
    const { classes: _, decided_by: __, ...rest } = output;
    return { ...rest, role: 'call' };
  });
}

/** Whether dimension names alone determine the axis of the rows of every output. */
export function namesSuffice(
  outputs: readonly InspectedOutput[],
  named: ReadonlyMap<string, NamedRows>,
): boolean {
  return outputs.every(({ name }) => typeof named.get(name) === 'number' || named.get(name) === 'call');
}

/** The axis that the signature leaves free, else the first. */
function defaultRowAxis({ shape }: InspectedOutput): number {
  return Math.max(0, shape.indexOf(-1));
}

function rowsOf(
  output: InspectedOutput,
  named: NamedRows,
  trials: readonly TrialRun[],
): number | 'call' | undefined {
  if (named === 'call') return 'call';
  const seen = trials.flatMap(({ rows, outputs }) => {
    const shape = outputs.get(output.name)?.shape;
    return shape === undefined ? [] : [{ rows, shape }];
  });
  const fits = (axis: number) => seen.every(({ rows, shape }) => shape[axis] === rows);
  if (typeof named === 'number') return fits(named) ? named : 'call';
  if (seen.length < 2) return named === 'otherwise' ? 'call' : undefined;
  const rank = Math.max(...seen.map(({ shape }) => shape.length));
  return [defaultRowAxis(output), ...Array.from({ length: rank }, (_, axis) => axis)].find(fits) ?? 'call';
}
