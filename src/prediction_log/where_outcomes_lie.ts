const hourMs = 3_600_000;

/** Predictions with outcomes, and from when to when they were made, milliseconds since 1970. */
export interface OutcomeTimes {
  count: number;
  from: number;
  to: number;
}

/**
 * Says where the predictions with outcomes lie that a window does not include, and which arguments of get_performance
 * include them.
 *
 * @param now end of windows given in hours; undefined where the caller gave the end
 */
export function whereOutcomesLie({ count, from, to }: OutcomeTimes, now: number | undefined): string {
  const shown =
    now === undefined
      ? `since=${new Date(from).toISOString()} until=${new Date(to + 1).toISOString()}`
      : `window_hours=${Math.ceil((now - from) / hourMs + 0.01)}`;
  return `${count} of ${minute(from)} to ${minute(to)}: ${shown} shows them`;
}

function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`;
}
