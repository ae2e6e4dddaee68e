import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDeadlines } from '../src/deadlines.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const up: [string, number][] = [];
  const deadlines = createDeadlines<{ name: string; dueAt: number }>(({ name }) =>
    up.push([name, performance.now() - began]),
  );
  const began = performance.now();
  const add = (name: string, afterMs: number) => {
    const call = { name, dueAt: performance.now() + afterMs };
    deadlines.add(call);
    return call;
  };
  return { up, deadlines, add };
}

test('each call is told when its time has come, in whatever order the times stand', () => {
  const { up, add } = watched();
  add('long', 3000);
  add('short', 1000);
  vi.advanceTimersByTime(500);
  add('shortest', 100);
  add('last', 5000);
  vi.advanceTimersByTime(10_000);
  expect(up).toEqual([
    ['shortest', 600],
    ['short', 1000],
    ['long', 3000],
    ['last', 5500],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that has left is told nothing, and what leaves twice counts once', () => {
  const { up, deadlines, add } = watched();
  const first = add('first', 1000);
  add('second', 2000);
  deadlines.leave(first);
  deadlines.leave(first);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(up).toEqual([['second', 2000]]);
});

test('one whose time was up may be given more', () => {
  const told: number[] = [];
  const began = performance.now();
  const deadlines = createDeadlines<{ dueAt: number }>((call) => {
    told.push(performance.now() - began);
    if (told.length > 2) return;
    call.dueAt = performance.now() + 50;
    deadlines.add(call);
  });
  deadlines.add({ dueAt: began + 100 });
  vi.advanceTimersByTime(1000);
  expect(told).toEqual([100, 150, 200]);
});

test('any number that come and go behind one that stays set one timer', () => {
  const { up, deadlines, add } = watched();
  add('stays', 60_000);
  for (let count = 0; count < 10_000; count++) deadlines.leave(add('goes', 30_000));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100_000);
  expect(up).toEqual([['stays', 60_000]]);
});

test('a timer keeps the process while there are calls only', () => {
  vi.useRealTimers();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const { deadlines, add } = watched();
  const call = add('under way', 60_000);
  expect(timers()).toBe(before + 1);
  deadlines.leave(call);
  expect(timers()).toBe(before);
  const next = add('the next', 60_000);
  expect(timers()).toBe(before + 1);
  deadlines.leave(next);
  expect(timers()).toBe(before);
});
