/** The name under which calls are counted that would be one series too many; no model can have it. */
export const others = '(others)';

/**
 * Bounds how many series a metric has: the first `most` keys are kept apart, all others are one.
 * @returns whether a key is one of those that are kept apart
 */
export function boundedKeys(most: number): (key: string) => boolean {
  const known = new Set<string>();
  return (key) => {
    if (known.has(key)) return true;
    if (known.size >= most) return false;
    known.add(key);
    return true;
  };
}
