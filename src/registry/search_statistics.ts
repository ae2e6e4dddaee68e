import type { Database } from '../storage/database.ts';

export interface SearchStatistics {
  models: number;
  versions: number;
  byStage: Record<string, number>;
  /** By framework as it is written; versions without one are not in it. */
  byFramework: Record<string, number>;
  artifactBytes: number;
}

/** Counted at that end of the audit trail. */
interface Counted {
  sequence: number;
  statistics: SearchStatistics;
}
const counted = new WeakMap<Database, Counted>();

/**
 * The figures of the whole registry. Every change of it moves the end of the audit trail: until that moves they are
 * as they were counted last. The end is read before counting, so what comes in between is counted again.
 */
export async function readStatistics(database: Database): Promise<SearchStatistics> {
  const { sequence } = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
  const known = counted.get(database);
  if (known?.sequence === sequence) return known.statistics;
  const statistics = await countAll(database);
  counted.set(database, { sequence, statistics });
  return statistics;
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
