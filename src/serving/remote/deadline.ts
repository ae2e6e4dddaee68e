import type { Cancelling } from '../../cancelling.ts';
import type { ModelYardError } from '../../errors.ts';
import { cancelled } from '../engine/job.ts';

/** A signal that is aborted when time is up or the caller has gone; its reason is what the caller is told. */
export interface Deadline {
  signal: AbortSignal;
  /** What `work` gives, unless the deadline comes first; the work itself goes on. */
  within<T>(work: Promise<T>): Promise<T>;
  clear(): void;
}

export function deadlineOf(ms: number, timeIsUp: () => ModelYardError, cancelling?: Cancelling): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(timeIsUp()), ms);
  const leave = () => controller.abort(cancelled());
  if (cancelling?.aborted) leave();
  else cancelling?.addEventListener('abort', leave);
  const { signal } = controller;
  return {
    signal,
    within: (work) =>
      new Promise((resolve, reject) => {
        const stop = () => reject(signal.reason);
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
      }),
    clear() {
      clearTimeout(timer);
      cancelling?.removeEventListener('abort', leave);
    },
  };
}
