import type { Logger } from '../telemetry/logger.ts';

/** Something that is looked at again and again, one time after the other. */
export interface Rounds {
  /** Looks at what is due. Never throws. */
  look(): Promise<void>;
  /** Waits for the look that is under way, and looks no more. */
  close(): Promise<void>;
}

/**
 * Looks at everything, part by part; a part that fails is logged and does not hold up the others.
 * @param list the parts that there are now
 * @param what fails, for the log
 */
export function inRounds<Part extends { model_id: string }>(
  list: () => Promise<readonly Part[]>,
  lookAt: (part: Part) => Promise<void>,
  logger: Logger,
  what: string,
): Rounds {
  let closed = false;
  let running: Promise<void> | undefined;
  const warn = (error: unknown, about: object = {}) => {
    if (!closed) logger.warn(`${what} for MLflow`, { ...about, error });
  };
  const lookAtAll = async () => {
    if (closed) return;
    for (const part of await list()) {
      if (closed) return;
      await lookAt(part).catch((error: unknown) => warn(error, { model_id: part.model_id }));
    }
  };
  return {
    look() {
      running ??= lookAtAll()
        .catch(warn)
        .finally(() => {
          running = undefined;
        });
      return running;
    },
    async close() {
      closed = true;
      await running;
    },
  };
}
