import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import { driftMethodNames } from '../../../src/monitoring/drift/index.ts';
import { rankOverThreshold } from '../../../src/monitoring/drift/over_threshold.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';

const methods = ['auto', ...driftMethodNames] as const;

describe('compareColumns', () => {
  const column: fc.Arbitrary<ComparedColumn> = fc.oneof(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      kind: fc.constant('numeric' as const),
      values: fc
        .array(fc.oneof(fc.double(), fc.integer({ min: 0, max: 2 })), { maxLength: 80, size: 'max' })
        .map((v) => Float64Array.from(v)),
    }),
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', '__proto__'),
      kind: fc.constantFrom('categorical' as const, 'boolean' as const),
      values: fc.array(fc.option(fc.constantFrom('true', 'false', '__proto__', ''), { nil: null }), {
        maxLength: 80,
        size: 'max',
      }),
    }),
  );

  it('answers anything with finite numbers, one result a feature', () => {
    const unique = fc.uniqueArray(column, { selector: ({ name }) => name, maxLength: 4 });
    fc.assert(
      fc.property(unique, unique, fc.constantFrom(...methods), (before, now, method) => {
        const results = compareColumns(before.map(profileColumn), now, {
          method,
          correction: 'bh',
          significance: 0.05,
        });
        expect(results.map(({ feature }) => feature)).toEqual([
          ...before.map(({ name }) => name),
          ...now.map(({ name }) => name).filter((name) => !before.some((known) => known.name === name)),
        ]);
        for (const result of results) {
          for (const value of Object.values(result))
            if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
          expect(JSON.parse(JSON.stringify(result))).toEqual(result);
        }
        for (const { ratio } of rankOverThreshold(results))
          if (ratio !== null) expect(ratio).toSatisfy(Number.isFinite);
      }),
      { numRuns: 400 },
    );
  });
});
