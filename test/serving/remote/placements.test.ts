import { expect, test } from 'vitest';
import { openPlacements } from '../../../src/serving/remote/placements.ts';
import type { Database } from '../../../src/storage/database.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';

const artifact = { sha256: 'ab12', bytes: 1 };

async function deploy(database: Database, version: string, engine: string): Promise<void> {
  const unset = { class_labels: null, framework: null, algorithm: null, hyperparameters: null };
  const by = { created_at: 0, created_by: 'operator', description: null, source: '', warnings: '[]' };
  const bytes = { artifact_sha256: artifact.sha256, artifact_bytes: artifact.bytes, signature: '{}' };
  const number = Number(version);
  await database
    .insertInto('versions')
    .values({ model_id: 'm', version, number, stage: 'development', ...unset, ...by, ...bytes })
    .execute();
  const limits = { error_threshold: null, latency_threshold_ms: null, instances: 1 };
  const probe = { probe: null, probed_at: null, probe_failure: null, input_sizes: null };
  await database
    .insertInto('deployments')
    .values({ model_id: 'm', version, engine, deployed_at: 0, deployed_by: 'operator', ...limits, ...probe })
    .execute();
}

describeOnEachDatabase('what was put into engines', (store) => {
  test('is unwanted where it is neither deployed there as those bytes nor about to be', async () => {
    const { database } = await store.open();
    let now = 1_000;
    const placements = openPlacements(database, () => now);
    await database
      .insertInto('models')
      .values({ model_id: 'm', created_at: 0, revision: 0, description: null, tags: null })
      .execute();
    await deploy(database, '1', 'triton');
    await deploy(database, '2', 'embedded');
    const note = (name: string, key: string, sha256 = 'ab12', forMs = 0) =>
      placements.note('triton', name, { key, artifact: { sha256, bytes: 1 } }, forMs);
    await note('deployed', 'm@1');
    await note('other bytes', 'm@1', 'cd34');
    await note('moved', 'm@2');
    await note('retired', 'm@3');
    await note('under way', 'm@4', 'ab12', 500);
    const unwanted = async (engine = 'triton') => (await placements.unwanted(engine)).toSorted();
    expect(await unwanted()).toEqual(['moved', 'other bytes', 'retired']);
    expect(await unwanted('mlserver')).toEqual([]);
    await placements.forget('triton', 'under way');
    now += 500;
    expect(await unwanted()).toEqual(['moved', 'other bytes', 'retired', 'under way']);
    await placements.forget('triton', 'moved');
    await note('retired', 'm@3', 'ab12', 500);
    expect(await unwanted()).toEqual(['other bytes', 'under way']);
    await placements.release('triton', 'retired');
    expect(await unwanted()).toEqual(['other bytes', 'retired', 'under way']);
  });
});
