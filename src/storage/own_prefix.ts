import { ModelYardError } from '../errors.ts';
import type { ObjectStore } from './object_store.ts';

const key = 'store_id';

/**
 * A prefix belongs to one store, as a directory does: two would take each other's artifacts for litter. The first that uses
 * it writes down its id.
 * @returns a check, which asks until it once was so
 */
export function ownPrefix(
  objects: Pick<ObjectStore, 'address' | 'readText' | 'writeNewText'>,
  storeId: () => Promise<string | undefined>,
): () => Promise<void> {
  let asked: Promise<void> | undefined;
  const ask = async () => {
    const own = await storeId();
    if (own === undefined) throw new Error('The database has no id yet.');
    if ((await objects.readText(key)) === undefined) await objects.writeNewText(key, `${own}\n`);
    // Another may have been faster.
    const found = (await objects.readText(key))?.trim();
    if (found === own) return;
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `${objects.address} holds the artifacts of another store (${found ?? 'unknown'}) than this database (${own}): nothing there was touched.`,
      'Set MODELYARD_ARTIFACTS to a prefix of this store alone; a store that was restored from a backup is another and needs its own.',
    );
  };
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}
