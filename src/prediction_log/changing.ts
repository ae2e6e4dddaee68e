import { ModelYardError } from '../errors.ts';

/** Thrown while reading when a segment was merged into another, or has expired, since it was listed. */
export const segmentGone = new Error('a segment is gone');

/** Only the newest segments are merged, within seconds, so more attempts than this mean another fault. */
const maxAttempts = 10;

/**
 * Reads segments that are listed first and then fetched one by one; starts again when one of them is gone.
 *
 * @throws STORAGE_UNAVAILABLE when they change faster than they can be read
 */
export async function readUnchanged<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < maxAttempts; attempt++)
    try {
      return await read();
    } catch (error) {
      if (error !== segmentGone) throw error;
    }
  throw new ModelYardError(
    'STORAGE_UNAVAILABLE',
    'The prediction log changed while it was read, again and again.',
    'Try again shortly.',
  );
}
