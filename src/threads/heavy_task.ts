import { builtFile } from '../built_file.ts';
import { openThreads } from './open_threads.ts';
import { memoryOf } from './transfer.ts';

/** What a thread is told: the compiled module that has the task, and the function that it exports. */
export type HeavyTasks = {
  heavyTask: { input: { module: string; name: string; input: unknown }; output: unknown };
};

/** Two at once: each may hold hundreds of megabytes, which are released when it is done. */
const threads = openThreads<HeavyTasks>(builtFile('heavy_thread.js'), {
  threads: 2,
  idleMs: 0,
});

/**
 * A function that may take seconds or hundreds of megabytes, to be run in a thread. It is loaded only there, or with
 * the first quick input.
 * @param module that exports the function, in its compiled form
 * @param name of the function
 * @param load loads the same function here
 * @returns runs it: in a thread, or in place where `isQuick` says that it surely takes milliseconds. The memory of the
 * input's typed arrays is transferred: they are empty afterwards. It throws whatever the function throws, and CANCELLED
 * when the signal is aborted
 */
export function heavyTask<Input, Output>(
  module: URL,
  name: string,
  load: () => Promise<(input: Input) => Output | Promise<Output>>,
): (input: Input, isQuick: boolean, signal?: AbortSignal) => Promise<Output> {
  return async (input, isQuick, signal) => {
    if (!isQuick) {
      const output = await threads.run('heavyTask', { module: module.href, name, input }, { signal });
      // The function of that name made it.
      return output as Output;
    }
    const task = await load();
    // Transferred here too: a caller that wrongly goes on using the arrays then fails with small data already.
    return task(structuredClone(input, { transfer: memoryOf(input) }));
  };
}
