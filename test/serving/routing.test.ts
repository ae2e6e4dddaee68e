import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseVersion, fnv1a, type Route, stickyPoint } from '../../src/serving/routing.ts';

const always = () => true;

function route(weights: [string, number][], sticky = true): Route {
  return { activeVersion: weights[0]?.[0] ?? '', weights, sticky, shadowVersion: undefined };
}

/** Two to five versions whose weights are whole hundredths and sum to 1. */
const weights = fc
  .array(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 5 })
  .filter((parts) => parts.some((part) => part > 0))
  .map((parts) => {
    const total = parts.reduce((sum, part) => sum + part, 0);
    return parts.map((part, index): [string, number] => [`v${index}`, part / total]);
  });

describe('fnv1a', () => {
  it('agrees with the published test vectors', () => {
    // http://www.isthe.com/chongo/src/fnv/test_fnv.c, 32-bit FNV-1a.
    expect(fnv1a('')).toBe(0x811c9dc5);
    expect(fnv1a('a')).toBe(0xe40c292c);
    expect(fnv1a('foobar')).toBe(0xbf9cf968);
  });
});

describe('chooseVersion', () => {
  it('keeps a key on its version, whatever the random number', () => {
    fc.assert(
      fc.property(
        weights,
        fc.string(),
        fc.double({ min: 0, max: 0.999 }),
        fc.double({ min: 0, max: 0.999 }),
        (w, key, a, b) => {
          expect(chooseVersion('m', route(w), key, always, a)).toEqual(
            chooseVersion('m', route(w), key, always, b),
          );
        },
      ),
    );
  });

  it('never chooses a version without weight while the others work', () => {
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true }), (w, random) => {
        const choice = chooseVersion('m', route(w), undefined, always, random);
        const weight =
          'version' in choice ? w.find(([version]) => version === choice.version)?.[1] : undefined;
        expect(weight).toBeGreaterThan(0);
      }),
    );
  });

  it('lets a growing canary keep the keys it has', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9900 }),
        fc.integer({ min: 0, max: 100 }),
        fc.string(),
        (small, more, key) => {
          const share = (points: number) =>
            route([
              ['stable', 1 - points / 10_000],
              ['canary', points / 10_000],
            ]);
          const before = chooseVersion('m', share(small), key, always, 0);
          const after = chooseVersion('m', share(small + more), key, always, 0);
          if ('version' in before && before.version === 'canary')
            expect(after).toMatchObject({ version: 'canary' });
        },
      ),
    );
  });

  it('splits keys by the weights', () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 20_000; index++) {
      const choice = chooseVersion(
        'm',
        route([
          ['a', 0.7],
          ['b', 0.2],
          ['c', 0.1],
        ]),
        `user-${index}`,
        always,
        0,
      );
      if ('version' in choice) counts.set(choice.version, (counts.get(choice.version) ?? 0) + 1);
    }
    // Five standard deviations of a binomial with n = 20 000 are below 1.7 points.
    expect((counts.get('a') ?? 0) / 20_000).toBeCloseTo(0.7, 1);
    expect(Math.abs((counts.get('b') ?? 0) / 20_000 - 0.2)).toBeLessThan(0.015);
    expect(Math.abs((counts.get('c') ?? 0) / 20_000 - 0.1)).toBeLessThan(0.012);
  });

  it('spreads the points of keys evenly', () => {
    const bins = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index++) {
      const bin = Math.floor(stickyPoint('model', String(index)) / 1000);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    // chi-square with 9 degrees of freedom: 27.9 is its 0.999 quantile.
    expect(bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(27.9);
  });

  it('says active for a version with all the weight and weighted otherwise', () => {
    expect(chooseVersion('m', route([['a', 1]]), undefined, always, 0.5)).toEqual({
      version: 'a',
      route: 'active',
    });
    expect(
      chooseVersion(
        'm',
        route([
          ['a', 1],
          ['b', 0],
        ]),
        'key',
        always,
        0.5,
      ),
    ).toEqual({ version: 'a', route: 'active' });
    expect(
      chooseVersion(
        'm',
        route([
          ['a', 0.5],
          ['b', 0.5],
        ]),
        undefined,
        always,
        0.7,
      ),
    ).toEqual({
      version: 'b',
      route: 'weighted',
    });
  });

  it('falls back to the healthy versions of the route, a standby with weight 0 included', () => {
    const healthy = (version: string) => version !== 'a';
    expect(
      chooseVersion(
        'm',
        route([
          ['a', 0.9],
          ['b', 0.1],
        ]),
        'key',
        healthy,
        0,
      ),
    ).toEqual({ version: 'b', route: 'fallback' });
    expect(
      chooseVersion(
        'm',
        route([
          ['a', 1],
          ['b', 0],
        ]),
        undefined,
        healthy,
        0.3,
      ),
    ).toEqual({
      version: 'b',
      route: 'fallback',
    });
    expect(chooseVersion('m', route([['a', 1]]), undefined, healthy, 0.3)).toEqual({ refused: 'all_open' });
    expect(chooseVersion('m', undefined, undefined, always, 0.3)).toEqual({ refused: 'not_routed' });
  });
});
