/** How long an answer may take before the server is asked whether it is there, milliseconds. */
const askAfterMs = 3000;
/** The time between two such questions while it does not answer, milliseconds. */
const pauseMs = 1000;

/**
 * Detects a server that no longer answers: it hangs, or the network drops everything without an error (a failover, a
 * firewall). A connection does not show that by itself, and each call would wait for the whole time limit of its
 * statement.
 */
export interface SilenceWatch {
  /** Waits for an answer of the server; if that takes long, calls `ask` to find out whether it is there. */
  over<T>(answer: Promise<T>): Promise<T>;
  /** @throws at once, while the server says nothing */
  requireAnswers(): void;
  end(): void;
}

/**
 * @param ask fails when the server does not answer in time; any answer will do
 * @param giveUp is called when it does not answer, since then waiting is in vain
 */
export function watchSilence(ask: () => Promise<void>, giveUp: () => void): SilenceWatch {
  let silence: Error | undefined;
  let isAsking = false;
  let isOver = false;
  const find = async () => {
    if (isAsking) return;
    isAsking = true;
    do {
      try {
        await ask();
        silence = undefined;
      } catch (error) {
        silence = new Error('Connection timeout: the server says nothing', { cause: error });
        giveUp();
        await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
      }
    } while (silence !== undefined && !isOver);
    isAsking = false;
  };
  return {
    async over(answer) {
      const timer = setTimeout(find, askAfterMs).unref();
      try {
        return await answer;
      } finally {
        clearTimeout(timer);
      }
    },
    requireAnswers() {
      if (silence !== undefined) throw silence;
    },
    end() {
      isOver = true;
    },
  };
}
