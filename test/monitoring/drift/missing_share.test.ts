import { describe, expect, it } from 'vitest';
import { missingShare, missingSharePValue } from '../../../src/monitoring/drift/missing_share.ts';
import { cases, relativeError } from './cases.ts';

describe('missingSharePValue', () => {
  it.each(cases.missing_share)(
    'agrees with SciPy: %i rows, %i missing, %i rows, %i missing',
    (n, a, m, b, p) => {
      const actual = missingSharePValue({ rows: n, missing: a }, { rows: m, missing: b });
      expect(relativeError(actual, p)).toBeLessThan(1e-9);
    },
  );

  it('is 1 where nothing or everything is missing on both sides', () => {
    expect(missingSharePValue({ rows: 10, missing: 0 }, { rows: 90, missing: 0 })).toBe(1);
    expect(missingSharePValue({ rows: 10, missing: 10 }, { rows: 90, missing: 90 })).toBe(1);
  });

  it('comes with a share that is 0 for no rows', () => {
    expect(missingShare({ rows: 0, missing: 0 })).toBe(0);
    expect(missingShare({ rows: 8, missing: 2 })).toBe(0.25);
  });
});
