import { expect, test, vi } from 'vitest';
import { whileWaiting } from '../src/while_waiting.ts';

test('who waits hears of the call twice a second, until it is done', async () => {
  vi.useFakeTimers();
  const told: [number, number, string][] = [];
  const waited = whileWaiting(
    (...progress) => told.push(progress),
    'reading',
    (step) => {
      setTimeout(step, 1200, 'measuring');
      return new Promise((resolve) => setTimeout(resolve, 1700, 'done'));
    },
  );
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await waited).toBe('done');
  expect(told).toEqual([
    [1, 2, 'reading'],
    [2, 3, 'reading'],
    [3, 4, 'measuring'],
  ]);
  vi.useRealTimers();
});
