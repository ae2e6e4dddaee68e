import fc from 'fast-check';
import { expect, test } from 'vitest';
import { progressBar } from '../../src/commands/progress_bar.ts';

test('shows how far it is, and a bar only where that is known', () => {
  expect(progressBar(1, 4, 'rows')).toBe(`[======${' '.repeat(18)}]  25 %  rows`);
  expect(progressBar(4, 4, 'rows')).toBe(`[${'='.repeat(24)}] 100 %  rows`);
  expect(progressBar(3, 0, 'rows')).toBe('rows');
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.double({ min: 1e-9, noNaN: true }), (done, total) => {
      expect(progressBar(done, total, 'm')).toMatch(/^\[=* *\] {1,3}\d{1,3} % {2}m$/);
      expect(progressBar(done, total, 'm')).toHaveLength(35);
    }),
  );
});
