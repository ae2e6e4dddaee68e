import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import {
  profileReference,
  referenceResolution,
} from '../../../src/monitoring/reference/reference_profile.ts';
import {
  decodeReferenceRows,
  encodeReferenceRows,
} from '../../../src/monitoring/reference/reference_rows.ts';
import { decodeProfile, encodeProfile } from '../../../src/monitoring/reference/stored_column.ts';
import { ksTest } from '../../../src/statistics/ks_test.ts';
import { seededRandom } from '../../../src/statistics/random.ts';
import { categorical, described, numeric } from '../window_columns.ts';

describe('a stored column', () => {
  test('gives back every profile of numbers, to the last bit', () => {
    fc.assert(
      fc.property(fc.float64Array({ maxLength: 50 }), (values) => {
        const profile = profileColumn({ name: 'x', kind: 'numeric', values });
        const decoded = decodeProfile(encodeProfile(profile));
        // JSON has no negative zero, in which no statistic sees a difference.
        expect({ ...decoded, min: decoded.kind === 'numeric' ? decoded.min + 0 : 0 }).toEqual({
          ...profile,
          min: profile.kind === 'numeric' ? profile.min + 0 : 0,
          ...(profile.kind === 'numeric' && { max: JSON.parse(JSON.stringify(profile.max)) }),
          ...(profile.kind === 'numeric' && { mean: JSON.parse(JSON.stringify(profile.mean)) }),
        });
      }),
    );
  });

  test('takes half the bytes where single precision loses nothing', () => {
    const bytesOf = (value: number) =>
      encodeProfile(profileColumn({ name: 'x', kind: 'numeric', values: new Float64Array(100).fill(value) }))
        .bytes.length;
    expect([bytesOf(0.5), bytesOf(0.1)]).toEqual([401, 801]);
  });

  test('gives back categories of any name', () => {
    const values = ['a', '__proto__', '"', null, 'a', ''];
    const profile = profileColumn({ name: '__proto__', kind: 'categorical', values });
    expect(decodeProfile(encodeProfile(profile))).toEqual(profile);
  });
});

describe('the profile of more rows than a reference keeps', () => {
  const rows = 300_000;
  const random = seededRandom(5);
  const values = Float64Array.from({ length: rows }, (_, row) =>
    row % 10 === 0 ? Number.NaN : random() ** 3,
  );

  test('keeps as many order statistics as its resolution, and the facts of all rows', () => {
    const exact = profileColumn({ name: 'x', kind: 'numeric', values });
    const kept = profileReference({ name: 'x', kind: 'numeric', values });
    if (exact.kind !== 'numeric' || kept.kind !== 'numeric') throw new Error('They are numbers.');
    expect(kept.count + kept.missing).toBe(referenceResolution);
    expect(kept.missing / referenceResolution).toBeCloseTo(0.1, 4);
    expect(kept.sorted.length).toBe(kept.count);
    expect([kept.mean, kept.standard_deviation, kept.min, kept.max, kept.distinct]).toEqual([
      exact.mean,
      exact.standard_deviation,
      exact.min,
      exact.max,
      exact.distinct,
    ]);
    // Half a step on either side.
    const current = Float64Array.from({ length: 5000 }, () => random() ** 2);
    const [whole, thinned] = [exact, kept].map(({ sorted }) => ksTest(sorted, current).statistic);
    expect(Math.abs((whole ?? 0) - (thinned ?? 1))).toBeLessThan(1e-5);
  });

  test('counts categories over all rows', () => {
    const column = Array.from({ length: rows }, (_, row) =>
      row % 3 === 0 ? 'a' : row % 3 === 1 ? 'b' : null,
    );
    const kept = profileReference({ name: 'x', kind: 'categorical', values: column });
    expect(kept).toMatchObject({ count: 200_000, missing: 100_000 });
  });

  test('of an explosion of categories counts those of rows drawn at random', () => {
    const column = Array.from({ length: rows }, (_, row) => `id ${row}`);
    const kept = profileReference({ name: 'x', kind: 'categorical', values: column });
    if (kept.kind === 'numeric') throw new Error('They are texts.');
    expect([kept.count, kept.counts.size]).toEqual([referenceResolution, referenceResolution]);
    expect(profileReference({ name: 'x', kind: 'categorical', values: column })).toEqual(kept);
  });
});

describe('whole rows', () => {
  test('come back as they were, with what is missing', async () => {
    const given = {
      rows: 3,
      features: [
        numeric('x', [1, Number.NaN, 0.1]),
        categorical('city', ['Bern', null, '__proto__']),
        categorical('nothing', [null, null, null]),
        categorical('one', ['a', 'a', 'a']),
      ],
      values: [categorical('prediction', ['no', 'yes', null])],
      probabilities: [{ label: 'yes', values: Float64Array.of(0.25, 0.75, Number.NaN) }],
      outcome: numeric('sold', [0, 1, 1]),
    };
    const decoded = decodeReferenceRows(encodeReferenceRows(given));
    expect(decoded.rows).toBe(3);
    expect(described(decoded.features)).toEqual(described(given.features));
    expect(described(decoded.values)).toEqual(described(given.values));
    expect(decoded.probabilities).toEqual(given.probabilities);
    expect(described(decoded.outcome ? [decoded.outcome] : [])).toEqual(described([given.outcome]));
  });

  test('may be without answers', async () => {
    const bare = {
      rows: 1,
      features: [numeric('x', [1])],
      values: [],
      probabilities: [],
      outcome: undefined,
    };
    expect(decodeReferenceRows(encodeReferenceRows(bare))).toEqual(bare);
  });
});
