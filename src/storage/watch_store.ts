import type { Logger } from '../telemetry/logger.ts';
import type { OpenDatabase } from './database.ts';

/** How often it looks, milliseconds; changes look for themselves. */
const intervalMs = 2000;

/** Says in the log when the database's file is no longer the one that was opened, and when it is back. @returns its end */
export function watchStore({ fault }: Pick<OpenDatabase, 'fault'>, logger: Logger): () => void {
  let last: string | undefined;
  const timer = setInterval(() => {
    const found = fault();
    if (found === last) return;
    last = found;
    if (found === undefined) logger.warn('the database file is back, and the server goes on');
    else
      logger.error(
        `the database file ${found} under the running server: nothing is changed until it is back`,
      );
  }, intervalMs).unref();
  return () => clearInterval(timer);
}
