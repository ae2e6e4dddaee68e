import { expect, test, vi } from 'vitest';
import { whileWaiting } from '../src/while_waiting.ts';

test('who waits hears of the call twice a second, until it is done', async () => {
  vi.useFakeTimers();
  const told: [number, number, string][] = [];
  const work = new Promise((resolve) => setTimeout(resolve, 1700, 'done'));
  const waited = whileWaiting((...progress) => told.push(progress), 'measuring', work);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await waited).toBe('done');
  expect(told).toEqual([
    [1, 2, 'measuring'],
    [2, 3, 'measuring'],
    [3, 4, 'measuring'],
  ]);
  vi.useRealTimers();
});
