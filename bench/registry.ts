/**
 * What the catalogue answers in at 100 000 versions of 2 000 models, one of which has 10 000: p50, p95 and p99 of
 * searches and of get_model, in milliseconds, beside the least that a query can cost in the same run, one row by
 * its key. The last two columns are p50 and p95 of the first search after a change, when nothing is known from before.
 * On SQLite in a temporary directory, and on PostgreSQL where DATABASE_URL names a server, in a database
 * of its own. `npm run build && node dist/bench/registry.js`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { describeModel } from '../src/registry/describe.ts';
import { searchVersions, type VersionSearch } from '../src/registry/search.ts';
import { type DatabaseAddress, type OpenDatabase, openDatabase } from '../src/storage/database.ts';
import { modelName, randomNumbers, seeded, seedRegistry } from './registry_seed.ts';

const calls = 200;
const random = randomNumbers(7);
const anyNumber = (below: number) => Math.floor(random() * below);
const anyModel = () => modelName(anyNumber(seeded.models));

const accurate = () => [{ name: 'accuracy', op: '>=' as const, value: 0.8 + random() / 5 }];
const searches: [string, () => Partial<VersionSearch>][] = [
  ['newest', () => ({})],
  ['of a model', () => ({ modelId: anyModel() })],
  ['of the model with 10 000', () => ({ modelId: modelName(0) })],
  ['in production', () => ({ stage: 'production' })],
  ['archived', () => ({ stage: 'archived' })],
  ['framework', () => ({ framework: 'pytorch' })],
  ['framework in production', () => ({ framework: 'pytorch', stage: 'production' })],
  ['text, much is found', () => ({ query: ['gradient', 'fraud', 'risk'][anyNumber(3)] })],
  ['text, little is found', () => ({ query: `run ${anyNumber(seeded.versions)}` })],
  ['text in production', () => ({ query: 'boost', stage: 'production' })],
  ['text of the model with 10 000', () => ({ query: `week ${anyNumber(53)}`, modelId: modelName(0) })],
  ['tag', () => ({ tags: { team: 'risk' } })],
  [
    'tag, little is found',
    () => ({ tags: { cost_center: `cc-${anyNumber(40)}`, week: String(anyNumber(53)) } }),
  ],
  ['metric', () => ({ metrics: accurate() })],
  ['metric, archived', () => ({ metrics: accurate(), stage: 'archived' })],
  ['metric in production', () => ({ metrics: accurate(), stage: 'production' })],
  ['metric and tag', () => ({ metrics: accurate(), tags: { team: 'risk' } })],
  ['two metrics', () => ({ metrics: [...accurate(), { name: 'log_loss', op: '<=', value: 0.6 }] })],
  ['by a metric', () => ({ orderBy: 'metric:accuracy desc' })],
  ['by a metric in production', () => ({ orderBy: 'metric:accuracy desc', stage: 'production' })],
  ['metric, by that metric', () => ({ metrics: accurate(), orderBy: 'metric:accuracy desc' })],
  ['metric, by another', () => ({ metrics: accurate(), orderBy: 'metric:auc asc' })],
  ['text, by a metric', () => ({ query: 'gradient', orderBy: 'metric:accuracy desc' })],
  ['text, by model', () => ({ query: 'gradient', orderBy: 'model_id asc' })],
  ['a model, by a metric', () => ({ modelId: anyModel(), orderBy: 'metric:accuracy desc' })],
  ['alias', () => ({ alias: 'champion' })],
];

const perCent = (times: readonly number[], share: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN;

async function measure(
  title: string,
  call: () => Promise<unknown>,
  change?: () => Promise<unknown>,
): Promise<Record<'times' | 'changed', number[]>> {
  await call();
  const times: number[] = [];
  const changed: number[] = [];
  for (let count = 0; count < calls; count++) times.push(await timeOf(call));
  for (let count = 0; change !== undefined && count < calls / 4; count++) {
    await change();
    changed.push(await timeOf(call));
  }
  print(title, times, changed);
  return { times, changed };
}

async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await call();
  return performance.now() - started;
}

function print(title: string, times: readonly number[], changed: readonly number[]): void {
  const shown = [
    ...[0.5, 0.95, 0.99].map((share) => perCent(times, share)),
    ...(changed.length === 0 ? [] : [0.5, 0.95].map((share) => perCent(changed, share))),
  ];
  console.log(`${title.padEnd(44)} ${shown.map((time) => time.toFixed(2).padStart(8)).join(' ')}`);
}

/** Searches what a server finds when it starts, not what the writes of a moment ago left in the write-ahead log. */
async function run(address: DatabaseAddress): Promise<void> {
  const seeding = await openDatabase(address);
  await seedRegistry(seeding.database);
  if (seeding.kind === 'postgresql') await sql`vacuum analyze`.execute(seeding.database);
  await seeding.close();
  const opened = await openDatabase(address);
  await measureAll(opened).finally(opened.close);
}

async function measureAll({ database, kind }: OpenDatabase): Promise<void> {
  const columns = ['p50', 'p95', 'p99', 'changed', 'p95'].map((name) => name.padStart(8)).join(' ');
  console.log(`\n${kind.padEnd(44)} ${columns}   ms`);
  await measure('floor: one row by its key', () =>
    database
      .selectFrom('versions')
      .selectAll()
      .where('model_id', '=', anyModel())
      .where('version', '=', '7')
      .executeTakeFirst(),
  );
  const all: Record<'times' | 'changed', number[]> = { times: [], changed: [] };
  for (const [name, search] of searches) {
    const { times, changed } = await measure(
      `search: ${name}`,
      () => searchVersions(database, { orderBy: 'created_at desc', limit: 25, ...search() }),
      () => sql`update audit_head set sequence = sequence + 1`.execute(database),
    );
    all.times.push(...times);
    all.changed.push(...changed);
  }
  print('search: the whole mix', all.times, all.changed);
  await measure('get_model: any', () => describeModel(database, anyModel(), { limit: 25 }));
  await measure('get_model: with 10 000 versions', () =>
    describeModel(database, modelName(0), { limit: 25 }),
  );
  await measure('get_model: with 10 000 versions, one stage', () =>
    describeModel(database, modelName(0), { stage: 'staging', limit: 25 }),
  );
  await measure('get_model: one version by alias', () =>
    describeModel(database, anyModel(), { version: 'champion', limit: 25 }),
  );
}

async function onSqlite(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  try {
    await run({ directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function onPostgreSql(server: string): Promise<void> {
  const name = `modelyard_bench_${process.pid}`;
  const onServer = async (statement: string) => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await onServer(`create database ${name}`);
  try {
    const databaseUrl = Object.assign(new URL(server), { pathname: `/${name}` }).href;
    await run({ directory: tmpdir(), databaseUrl });
  } finally {
    await onServer(`drop database ${name} with (force)`);
  }
}

const { DATABASE_URL } = process.env;
if (process.argv[2] !== 'postgresql') await onSqlite();
if (DATABASE_URL !== undefined) await onPostgreSql(DATABASE_URL);
