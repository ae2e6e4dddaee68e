import { expect, test } from 'vitest';
import type { InspectedOutput } from '../../../src/registry/model_inspector.ts';
import { withRows } from '../../../src/serving/engine/row_axes.ts';
import type { TrialRun } from '../../../src/serving/engine/trial.ts';
import type { NamedRows } from '../../../src/serving/graph/named_rows.ts';

const output = (...shape: number[]): InspectedOutput => ({ name: 'y', datatype: 'FP32', shape });

/** Runs of 2, 3 and 5 rows that gave outputs of these shapes. */
function runs(...shapes: number[][]): TrialRun[] {
  return shapes.map((shape, index) => ({
    rows: [2, 3, 5][index] ?? 0,
    outputs: new Map([['y', { datatype: 'FP32' as const, shape, data: new Float32Array(0) }]]),
  }));
}

test.each<[string, InspectedOutput, NamedRows, TrialRun[], unknown]>([
  ['has the rows by its name', output(-1, 2), 0, [], {}],
  ['has them on another axis by its name', output(2, -1, -1), 2, [], { row_axis: 2 }],
  ['has the name, but not the rows', output(-1), 0, runs([1]), { role: 'call' }],
  ['has another name and no run', output(-1), 'otherwise', [], { role: 'call' }],
  ['has another name, and the rows in each run', output(-1), 'otherwise', runs([2], [3], [5]), {}],
  [
    'has another name, and not the rows in one run',
    output(-1),
    'otherwise',
    runs([2], [3], [4]),
    { role: 'call' },
  ],
  ['has no name and one run', output(-1), undefined, runs([2]), {}],
  ['has no name, and the rows in each run', output(-1, 4), undefined, runs([2, 4], [3, 4]), {}],
  ['has no name, and not the rows', output(-1), undefined, runs([0], [3]), { role: 'call' }],
  ['is a scalar', output(), undefined, runs([], []), { role: 'call' }],
  ['has rows where none are free', output(1), undefined, runs([2], [3]), {}],
  ['has them on an axis that no name says', output(-1, -1), undefined, runs([7, 2], [7, 3]), { row_axis: 1 }],
  ['belongs to the call by name', output(-1), 'call', runs([2], [3]), { role: 'call' }],
])('an output that %s', (_, spec, named, trials, more) => {
  expect(withRows([spec], new Map([['y', named]]), trials)).toEqual([{ ...spec, ...(more as object) }]);
});
