import { ModelYardError } from '../errors.ts';

/** How often a change is planned again because another was made meanwhile. */
const attempts = 20;

/**
 * Plans and makes a change whose plan takes time (gates, a person's answer, loading). When the facts of the plan
 * changed meanwhile, `make` throws `stale` out of its transaction and the change is planned again.
 *
 * @throws STORAGE_UNAVAILABLE when the model kept changing
 */
export async function untilSettled<T>(make: (stale: Error) => Promise<T>): Promise<T> {
  const stale = new Error('what the change was planned on has changed');
  for (let attempt = 1; ; attempt++) {
    try {
      return await make(stale);
    } catch (error) {
      if (error !== stale) throw error;
      if (attempt === attempts)
        throw new ModelYardError(
          'STORAGE_UNAVAILABLE',
          'The model was changed by others each time this change was about to be made.',
          'Try again.',
        );
    }
  }
}
