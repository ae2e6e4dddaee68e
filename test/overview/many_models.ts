import type { Database } from '../../src/storage/database.ts';
import { deployRow, type seeder } from '../registry/seed.ts';

/** Models `many-0001` … with one deployed version each, made from the rows of one that is registered. */
export async function manyModels(
  database: Database,
  seed: ReturnType<typeof seeder>,
  count: number,
): Promise<void> {
  await seed({ modelId: 'many-0000', version: '1' });
  const model = await database
    .selectFrom('models')
    .selectAll()
    .where('model_id', '=', 'many-0000')
    .executeTakeFirstOrThrow();
  const version = await database
    .selectFrom('versions')
    .selectAll()
    .where('model_id', '=', 'many-0000')
    .executeTakeFirstOrThrow();
  const names = Array.from({ length: count - 1 }, (_, index) => `many-${String(index + 1).padStart(4, '0')}`);
  for (let from = 0; from < names.length; from += 100) {
    const some = names.slice(from, from + 100);
    await database
      .insertInto('models')
      .values(some.map((model_id) => ({ ...model, model_id })))
      .execute();
    await database
      .insertInto('versions')
      .values(
        some.map((model_id, index) => ({ ...version, model_id, number: version.number + from + index + 1 })),
      )
      .execute();
  }
  const deployed = ['many-0000', ...names];
  for (let from = 0; from < deployed.length; from += 100)
    await database
      .insertInto('deployments')
      .values(deployed.slice(from, from + 100).map((modelId) => deployRow(modelId, '1')))
      .execute();
}
