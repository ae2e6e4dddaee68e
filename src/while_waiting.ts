/** How soon a call that reports nothing else says that it is still under way, milliseconds. */
const intervalMs = 500;

/**
 * Reports twice a second that work goes on, so that the caller of a call that waits knows it is not lost.
 * @param message what is done, until the work says that it has come to its next step
 */
export async function whileWaiting<T>(
  progress: (done: number, total: number, message: string) => void,
  message: string,
  work: (step: (message: string) => void) => Promise<T>,
): Promise<T> {
  let ticks = 0;
  let now = message;
  // How long it takes is not known: it is always one step short of the end.
  const timer = setInterval(() => progress(++ticks, ticks + 1, now), intervalMs);
  try {
    return await work((next) => {
      now = next;
    });
  } finally {
    clearInterval(timer);
  }
}
