import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchSilence } from '../../src/storage/silent_server.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const state = { isSilent: false, asked: 0, givenUp: 0 };
  const watch = watchSilence(
    async () => {
      state.asked++;
      if (state.isSilent) throw new Error('timeout');
    },
    () => {
      state.givenUp++;
    },
  );
  return { state, watch };
}

test('answers within three seconds ask for nothing', async () => {
  const { state, watch } = watched();
  const answer = watch.over(new Promise((resolve) => setTimeout(resolve, 2999, 'answer')));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await answer).toBe('answer');
  await expect(watch.over(Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(state).toEqual({ isSilent: false, asked: 0, givenUp: 0 });
});

test('a slow answer of a server that is there is waited for', async () => {
  const { state, watch } = watched();
  const answer = watch.over(new Promise((resolve) => setTimeout(resolve, 25_000, 'answer')));
  await vi.advanceTimersByTimeAsync(25_000);
  expect(await answer).toBe('answer');
  watch.requireAnswers();
  expect(state).toEqual({ isSilent: false, asked: 1, givenUp: 0 });
});

test('a server that says nothing is asked by one until it answers, and refused to all meanwhile', async () => {
  const { state, watch } = watched();
  state.isSilent = true;
  for (let call = 0; call < 20; call++) void watch.over(new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(3000);
  expect(() => watch.requireAnswers()).toThrow('Connection timeout: the server says nothing');
  expect(state).toEqual({ isSilent: true, asked: 1, givenUp: 1 });
  await vi.advanceTimersByTimeAsync(5000);
  expect(state).toEqual({ isSilent: true, asked: 6, givenUp: 6 });
  state.isSilent = false;
  await vi.advanceTimersByTimeAsync(1000);
  watch.requireAnswers();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(state).toEqual({ isSilent: false, asked: 7, givenUp: 6 });
});

test('nobody is asked after the end', async () => {
  const { state, watch } = watched();
  state.isSilent = true;
  void watch.over(new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(3000);
  watch.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(state.asked).toBe(1);
});
