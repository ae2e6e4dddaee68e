// A process that ends threads in the middle of what they read: ten tasks are cancelled, and one is under way at the end.
import { openThreads } from '../../src/threads/open_threads.ts';

const threads = openThreads(new URL('planted_reader.js', import.meta.url));

/** @returns what ends the task that has begun to read */
async function begin() {
  const stop = new AbortController();
  await new Promise((resolve) => {
    threads.run('read', {}, { signal: stop.signal, progress: resolve }).catch(() => undefined);
  });
  return stop;
}

for (let ended = 0; ended < 10; ended++) (await begin()).abort();
await begin();
process.exit(0);
