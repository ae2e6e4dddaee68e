import type { Database } from '../storage/database.ts';
import { keepUntilChanged } from './until_changed.ts';

export interface SearchStatistics {
  models: number;
  versions: number;
  byStage: Record<string, number>;
  /** By framework as it is spelled; versions without one are left out. */
  byFramework: Record<string, number>;
  artifactBytes: number;
}

const keep = keepUntilChanged<SearchStatistics>(1);

/** Statistics of the whole registry. */
export function readStatistics(registry: { database: Database; end: number }): Promise<SearchStatistics> {
  return keep(registry, 'statistics', () => countAll(registry.database));
}

async function countAll(database: Database): Promise<SearchStatistics> {
  const groups = await database
    .selectFrom('versions')
    .select((eb) => [
      'stage',
      'framework',
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number>('artifact_bytes').as('bytes'),
    ])
    .groupBy(['stage', 'framework'])
    .execute();
  const { models } = await database
    .selectFrom('models')
    .select((eb) => eb.fn.countAll<number>().as('models'))
    .executeTakeFirstOrThrow();
  const byStage = new Map<string, number>();
  const byFramework = new Map<string, number>();
  for (const { stage, framework, count } of groups) {
    byStage.set(stage, (byStage.get(stage) ?? 0) + Number(count));
    if (framework !== null) byFramework.set(framework, (byFramework.get(framework) ?? 0) + Number(count));
  }
  return {
    models: Number(models),
    versions: groups.reduce((sum, row) => sum + Number(row.count), 0),
    byStage: Object.fromEntries(byStage),
    byFramework: Object.fromEntries(byFramework),
    artifactBytes: groups.reduce((sum, row) => sum + Number(row.bytes), 0),
  };
}
