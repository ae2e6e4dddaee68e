import type { Logger } from '../../src/telemetry/logger.ts';

/** A logger whose lines nobody reads. */
export const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};
