/** How many calls each caller may make: so many a second on average, and as many at once. */
export interface RateLimit {
  /** @returns milliseconds to wait before the next call; 0: this one may go on */
  take(caller: string, now: number): number;
}

/** Callers that are remembered; of more, those that have been quiet are forgotten first. */
const remembered = 10_000;

/**
 * A bucket a caller, which holds a second's calls and fills evenly.
 *
 * @param perSecond calls a second of each caller
 */
export function rateLimit(perSecond: number): RateLimit {
  // When each caller's bucket will be full again: one number says all (the generic cell rate algorithm).
  const fullAt = new Map<string, number>();
  const costMs = 1000 / perSecond;
  const depthMs = Math.max(1000, costMs);
  return {
    take(caller, now) {
      const begins = Math.max(fullAt.get(caller) ?? now, now);
      const ends = begins + costMs;
      // A rounding error is no call.
      if (ends - now > depthMs + 1e-6) return Math.ceil(ends - now - depthMs);
      fullAt.delete(caller);
      fullAt.set(caller, ends);
      if (fullAt.size > remembered) forget(fullAt, now);
      return 0;
    },
  };
}

/** Forgets full buckets, which say nothing, and of the rest the one that was used longest ago. */
function forget(fullAt: Map<string, number>, now: number): void {
  for (const [caller, at] of fullAt) {
    if (at > now && fullAt.size <= remembered) return;
    fullAt.delete(caller);
    if (fullAt.size <= remembered / 2) return;
  }
}
