import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { searchVersions, type VersionSearch } from '../../src/registry/search.ts';
import { metricOperators } from '../../src/registry/search_conditions.ts';
import { searchText } from '../../src/registry/search_text.ts';
import type { Stage } from '../../src/registry/stages.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

interface Known {
  modelId: string;
  version: string;
  number: number;
  stage: Stage;
  framework: string | null;
  isChampion: boolean;
  tags: Record<string, string>;
  metrics: Record<string, number>;
  text: string;
}

const models = ['ant', 'bee', 'cat_', 'cow%'];
const frameworks = ['PyTorch', 'pytorch', 'XGBoost', null];
const count = 600;

/** Versions whose facts are of few kinds and repeat in periods of their own; each model's stand together. */
const versions = Array.from({ length: count }, (_, at): Known => {
  const modelId = models[Math.floor((at * models.length) / count)] ?? 'ant';
  const version = String(at);
  const framework = frameworks[at % 4] ?? null;
  const tags: Record<string, string> =
    at % 3 === 0 ? {} : { team: at % 5 < 3 ? 'Risk' : 'ads', tier: 'a\\b' };
  return {
    modelId,
    version,
    // Those between were deleted.
    number: at * 2 + 1,
    stage: at % 7 === 0 ? 'staging' : at % 11 < 5 ? 'archived' : 'development',
    framework,
    isChampion: at % (count / models.length) === 7,
    tags,
    metrics: {
      ...(at % 13 !== 0 && { auc: (at % 17) / 16 }),
      ...(at % 4 !== 0 && { loss: 1 - (at % 17) / 16 }),
      drift: at / 8,
    },
    text: searchText({
      modelId,
      version,
      author: 'É Mil',
      framework,
      algorithm: null,
      description: `run ${at}`,
      tags,
    }),
  };
});

async function insertAll(database: Database): Promise<void> {
  await database
    .insertInto('models')
    .values(models.map((model_id) => ({ model_id, created_at: 1, revision: 1 })))
    .execute();
  await database
    .insertInto('stage_transitions')
    .values(
      versions.flatMap(({ modelId, version, stage }) =>
        stage === 'development'
          ? []
          : {
              transition_id: version,
              model_id: modelId,
              version,
              sequence: 1,
              revision: 1,
              kind: 'promotion' as const,
              forced: 0,
              from_stage: 'development',
              to_stage: stage,
              at: 1,
              by: 'operator',
            },
      ),
    )
    .execute();
  await database
    .insertInto('versions')
    .values(
      versions.map(({ modelId, version, number, stage, framework, text }) => ({
        model_id: modelId,
        version,
        number,
        stage,
        framework,
        search_text: text,
        transitions: stage === 'development' ? 0 : 1,
        // By clocks that do not agree: the order of registration does not go by them.
        created_at: (number * 7919) % 1000,
        created_by: 'operator',
        source: 'source',
        artifact_sha256: '00',
        artifact_bytes: 1,
        signature: '{"inputs":[],"outputs":[],"features":[]}',
        warnings: '[]',
      })),
    )
    .execute();
  const named = <Value>(pick: (known: Known) => Record<string, Value>) =>
    versions.flatMap((known) =>
      Object.entries(pick(known)).map(([name, value]) => ({ number: known.number, name, value })),
    );
  await database
    .insertInto('version_metrics')
    .values(named(({ metrics }) => metrics))
    .execute();
  await database
    .insertInto('version_tags')
    .values(named(({ tags }) => tags))
    .execute();
  await database
    .insertInto('aliases')
    .values(
      versions
        .filter(({ isChampion }) => isChampion)
        .map(({ modelId, version }) => ({
          model_id: modelId,
          alias: 'champion',
          version,
          changed_at: 1,
          changed_by: 'operator',
        })),
    )
    .execute();
}

const holds: Record<(typeof metricOperators)[number], (a: number, b: number) => boolean> = {
  '>=': (a, b) => a >= b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '<': (a, b) => a < b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

type Search = Omit<VersionSearch, 'cursor'>;

function fulfils(known: Known, search: Search): boolean {
  const { query, modelId, stage, framework, alias, tags = {}, metrics = [] } = search;
  return (
    (query === undefined || known.text.includes(query.toLowerCase())) &&
    (modelId === undefined || known.modelId === modelId) &&
    (stage === undefined || known.stage === stage) &&
    (framework === undefined || known.framework?.toLowerCase() === framework.toLowerCase()) &&
    (alias === undefined || known.isChampion) &&
    Object.entries(tags).every(([name, value]) => known.tags[name] === value) &&
    metrics.every(({ name, op, value }) => {
      const measured = known.metrics[name];
      return measured !== undefined && holds[op](measured, value);
    })
  );
}

/** What a search should find, by looking at each version. */
function lookedThrough(search: Search): string[] {
  const [key = '', direction] = search.orderBy.split(' ');
  const metric = key.replace('metric:', '');
  const sign = direction === 'asc' ? 1 : -1;
  return versions
    .filter((known) => fulfils(known, search))
    .filter(({ metrics }) => metric === key || metrics[metric] !== undefined)
    .toSorted((a, b) => {
      const byMetric = metric === key ? 0 : (a.metrics[metric] ?? 0) - (b.metrics[metric] ?? 0);
      const byModel = key !== 'model_id' || a.modelId === b.modelId ? 0 : a.modelId < b.modelId ? -1 : 1;
      return sign * (byMetric || byModel || a.number - b.number);
    })
    .map(({ version }) => version);
}

const maybe = <Value>(values: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values });

const searches: fc.Arbitrary<Search> = fc.record({
  query: maybe(fc.constantFrom('a', 'RUN 5', 'pytorch', 'team=r', '_', '%', '\\', 'é m', 'nowhere')),
  modelId: maybe(fc.constantFrom(...models, 'dog')),
  stage: maybe(fc.constantFrom<Stage>('development', 'staging', 'archived', 'production')),
  framework: maybe(fc.constantFrom('PYTORCH', 'xgboost', 'none')),
  alias: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.constant('champion')),
  tags: maybe(fc.constantFrom({ team: 'Risk' }, { team: 'ads', tier: 'a\\b' }, { team: 'risk' }, {})),
  metrics: maybe(
    fc.array(
      fc.record({
        name: fc.constantFrom('auc', 'loss', 'drift', 'none'),
        op: fc.constantFrom(...metricOperators),
        value: fc.integer({ min: 0, max: 16 }).map((sixteenths) => sixteenths / 16),
      }),
      { maxLength: 3 },
    ),
  ),
  orderBy: fc
    .tuple(
      fc.constantFrom('created_at', 'model_id', 'metric:auc', 'metric:loss', 'metric:drift'),
      fc.constantFrom('asc', 'desc'),
    )
    .map((words) => words.join(' ')),
  limit: fc.constantFrom(1, 7, 40, 100),
});

describeOnEachDatabase('a search', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
    await insertAll(database);
  });

  test('finds, counts and orders what looking at every version does, page by page', async () => {
    await fc.assert(
      fc.asyncProperty(searches, async (search) => {
        const expected = lookedThrough(search);
        const found: string[] = [];
        let cursor: string | undefined;
        for (let page = 0; page < 4; page++) {
          const answer = await searchVersions(database, { ...search, cursor });
          expect(answer.total).toBe(expected.length);
          found.push(...answer.versions.map(({ record }) => record.version));
          expect(answer.nextCursor === null).toBe(found.length === expected.length);
          if (answer.nextCursor === null) break;
          cursor = answer.nextCursor;
        }
        expect(found).toEqual(expected.slice(0, found.length));
        expect(found.length).toBe(Math.min(expected.length, 4 * search.limit));
      }),
      { numRuns: 150 },
    );
  });
});
