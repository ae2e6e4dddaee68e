import { inputDigest, RunFailure } from './fault.ts';
import type { NamedTensors } from './protocol.ts';

/** Inputs whose run ended the host, or made it be ended: each such run costs all callers of the version a restart. */
export interface RefusedInputs {
  refuse(tensors: NamedTensors, failure: RunFailure): void;
  /** Why an input is not run at all, if it is refused now. */
  refusal(tensors: NamedTensors): RunFailure | undefined;
}

/** An input that ended the host is refused for so long … */
const crashedMs = 300_000;
/** … and one that made it run on for so long, since that may have been the load of the machine. */
const hungMs = 60_000;
const maxRefused = 64;

export function refusedInputs(clock: () => number): RefusedInputs {
  const refused = new Map<string, { until: number; failure: RunFailure }>();
  return {
    refuse(tensors, failure) {
      const [oldest] = refused.keys();
      if (refused.size >= maxRefused && oldest !== undefined) refused.delete(oldest);
      const until = clock() + (failure.code === 'TIMEOUT' ? hungMs : crashedMs);
      refused.set(inputDigest(tensors), { until, failure });
    },

    refusal(tensors) {
      if (refused.size === 0) return undefined;
      const now = clock();
      for (const [digest, { until }] of refused) if (until <= now) refused.delete(digest);
      const found = refused.get(inputDigest(tensors));
      if (found === undefined) return undefined;
      const { failure, until } = found;
      const seconds = Math.ceil((until - now) / 1000);
      return new RunFailure(failure, 'caller', {
        message: `${failure.message} The same rows did that before, so they were not run again; they are refused for another ${seconds} s.`,
      });
    },
  };
}
