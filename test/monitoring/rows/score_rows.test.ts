import { describe, expect, it } from 'vitest';
import { type Scorer, scoreRows } from '../../../src/monitoring/rows/score_rows.ts';
import type { VersionRecord } from '../../../src/registry/version_record.ts';
import { numeric, valuesOf } from '../window_columns.ts';

/** Answers the feature itself. */
const echo: Scorer = async (_, records) =>
  records.map(({ x }) => ({ value: x ?? null, probabilities: undefined }));
const record = { signature: { features: [{ name: 'x' }] } } as unknown as VersionRecord;

function score(values: number[], most: number) {
  return scoreRows({ scorer: echo }, record, [numeric('x', values)], values.length, most);
}

describe('scoreRows', () => {
  it('scores every row that is complete when there are no more than wanted', async () => {
    const { scored, values } = await score([3, Number.NaN, 1], 2);
    expect(Array.from(scored)).toEqual([0, 2]);
    expect(values.map(valuesOf)).toEqual([[3, 1]]);
  });

  it('scores each row alone where rows may change one another’s answers, and says so', async () => {
    /** Subtracts the mean of the rows that it is given together. */
    const centred: Scorer = async (_, records) => {
      const mean = records.reduce((sum, { x }) => sum + Number(x), 0) / records.length;
      return records.map(({ x }) => ({ value: Number(x) - mean, probabilities: undefined }));
    };
    const rows = Array.from({ length: 1500 }, (_, row) => row);
    const given = [numeric('x', rows)];
    const scoring = { scorer: centred, rowsMixedBy: async () => 'ReduceMean' };
    const { scored, values, warnings } = await scoreRows(scoring, record, given, rows.length, rows.length);
    expect(scored).toHaveLength(1000);
    expect(new Set(values.flatMap(valuesOf))).toEqual(new Set([0]));
    expect(warnings).toEqual([expect.stringMatching(/\(ReduceMean\): 1000 were scored, each alone/)]);
    const few = await scoreRows(scoring, record, [numeric('x', [1, 2])], 2, 2);
    expect([...few.scored]).toEqual([0, 1]);
  });

  it('draws from more rows without falling in step with them', async () => {
    // A day of 24 hours, over and over: every 24th row would be of one hour.
    const hours = Array.from({ length: 48_000 }, (_, row) => row % 24);
    const { scored, values } = await score(hours, 2000);
    expect(scored).toHaveLength(2000);
    expect(Array.from(scored)).toEqual([...new Set(scored)].sort((a, b) => a - b));
    const counts = new Array<number>(24).fill(0);
    for (const hour of values.flatMap(valuesOf)) counts[Number(hour)] = (counts[Number(hour)] ?? 0) + 1;
    // Five standard errors of a share of 1/24 of 2 000 rows.
    for (const count of counts) expect(Math.abs(count - 2000 / 24)).toBeLessThan(45);
    expect((await score(hours, 2000)).scored).toEqual(scored);
  });
});
