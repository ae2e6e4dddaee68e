import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeRows, findGuiltyRows } from '../../src/serving/guilty_rows.ts';

function search(rows: number, guilty: ReadonlySet<number>, limits = { runs: 10_000, failures: 10_000 }) {
  let runs = 0;
  const failureOf = async (start: number, end: number) => {
    runs++;
    for (let row = start; row < end; row++) if (guilty.has(row)) return `row ${row}`;
    return undefined;
  };
  return findGuiltyRows(rows, 'whole', failureOf, limits).then((found) => ({ ...found, runs }));
}

test('every guilty row is found alone, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat({ max: 99 }), { minLength: 1, maxLength: 100 }),
      async (guilty) => {
        const found = await search(100, new Set(guilty));
        expect(found).toMatchObject({
          ranges: guilty.toSorted((a, b) => a - b).map((row) => [row, row + 1]),
          isComplete: true,
          failure: `row ${Math.min(...guilty)}`,
        });
      },
    ),
  );
});

test('one of a thousand is found in at most twenty runs', async () => {
  const found = await search(1000, new Set([777]), { runs: 40, failures: 24 });
  expect(found).toMatchObject({ ranges: [[777, 778]], isComplete: true });
  expect(found.runs).toBeLessThanOrEqual(20);
});

test('a search that is stopped names a stretch that fails, and says that there may be more', async () => {
  const all = new Set(Array.from({ length: 1000 }, (_, row) => row));
  const found = await search(1000, all, { runs: 8, failures: 3 });
  expect(found.runs).toBeLessThanOrEqual(8);
  expect(found).toMatchObject({ ranges: [[0, 125]], isComplete: false });
  expect(describeRows(found)).toBe('rows 0 to 124 (at least one of them), and perhaps more');
});

test('rows that fail only together are named together', async () => {
  const failureOf = async () => undefined;
  const found = await findGuiltyRows(4, 'together', failureOf, { runs: 40, failures: 24 });
  expect(found).toEqual({ ranges: [[0, 4]], isComplete: true, failure: 'together' });
});

test('rows are listed as people list them', () => {
  const listed = (...rows: number[]) =>
    describeRows({ ranges: rows.map((row) => [row, row + 1]), isComplete: true });
  expect(listed(3)).toBe('row 3');
  expect(listed(3, 5)).toBe('rows 3 and 5');
  expect(listed(3, 5, 9)).toBe('rows 3, 5 and 9');
});
