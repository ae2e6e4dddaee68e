import { ModelYardError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Check, ok, problem } from './check.ts';

const subject = 'artifacts';

/** Whether the object store, where one is set, answers and takes the credentials. Nothing is made there. */
export async function checkArtifacts({ objectStore }: Pick<Settings, 'objectStore'>): Promise<Check> {
  if (objectStore === undefined) return ok(subject, 'in the directory (MODELYARD_ARTIFACTS is not set)');
  const { openObjectStore } = await import('../storage/object_store.ts');
  const objects = openObjectStore(objectStore);
  try {
    const owner = (await objects.readText('store_id'))?.trim();
    // Who may read one object need not be one who may list them.
    for await (const _ of objects.list('store_id')) break;
    return ok(
      subject,
      `${objects.address} answers${owner === undefined ? ', and no store uses it yet' : ` and belongs to the store ${owner}`}`,
    );
  } catch (error) {
    if (error instanceof ModelYardError)
      return problem(subject, error.message.replace(/\.$/, ''), error.hint);
    throw error;
  } finally {
    objects.close();
  }
}
