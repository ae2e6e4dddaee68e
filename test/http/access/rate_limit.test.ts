import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rateLimit } from '../../../src/http/access/rate_limit.ts';

const waits = fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 200 });
const rates = fc.double({ min: 0.5, max: 50, noNaN: true });

test('in any span of time a caller makes no more calls than the rate allows, and one second of them at once', () => {
  fc.assert(
    fc.property(rates, waits, (perSecond, pauses) => {
      const limit = rateLimit(perSecond);
      const granted: number[] = [];
      let now = 1000;
      for (const pause of pauses) {
        now += pause;
        if (limit.take('ada', now) === 0) granted.push(now);
      }
      for (const [first, begin] of granted.entries())
        for (const [last, end] of granted.entries())
          if (last >= first)
            expect(last - first + 1).toBeLessThanOrEqual(
              Math.max(perSecond, 1) + ((end - begin) / 1000) * perSecond + 1e-3,
            );
    }),
  );
});

test('who waits as long as is said is let in; who keeps to the rate never waits', () => {
  fc.assert(
    fc.property(rates, waits, (perSecond, pauses) => {
      const limit = rateLimit(perSecond);
      let now = 0;
      for (const pause of pauses) {
        now += pause;
        const waitMs = limit.take('ada', now);
        if (waitMs === 0) continue;
        now += waitMs;
        expect(limit.take('ada', now)).toBe(0);
      }
      const other = rateLimit(perSecond);
      for (let call = 0; call < 100; call += 1) expect(other.take('bob', call * (1000 / perSecond))).toBe(0);
    }),
  );
});

test('callers have limits of their own, however many there are', () => {
  const limit = rateLimit(1);
  expect(limit.take('ada', 0)).toBe(0);
  expect(limit.take('ada', 0)).toBeGreaterThan(0);
  for (let other = 0; other < 50_000; other += 1) expect(limit.take(`address ${other}`, 1)).toBe(0);
});
