/**
 * Remembers what `read` gives for a while, by what it was asked: however many ask, it is read once in that time.
 * A failure is not remembered.
 *
 * @param forMs how long, milliseconds
 * @param now milliseconds, of a clock that is never set back
 */
export function cached<Asked, Found>(
  forMs: number,
  now: () => number,
  read: (asked: Asked) => Promise<Found>,
): (asked: Asked) => Promise<Found> {
  const known = new Map<string, { until: number; found: Promise<Found> }>();
  return (asked) => {
    const key = JSON.stringify(asked) ?? '';
    const at = now();
    const before = known.get(key);
    if (before !== undefined && at < before.until) return before.found;
    for (const [other, { until }] of known) if (until <= at) known.delete(other);
    const found = read(asked);
    known.set(key, { until: at + forMs, found });
    found.catch(() => known.delete(key));
    return found;
  };
}
