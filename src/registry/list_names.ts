import { type SqlBool, sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import { requireModel } from './lookup.ts';

/** A model as a list of all shows it. */
interface ListedModel {
  modelId: string;
  description: string | null;
  createdAt: number;
  versions: number;
  /** The version in production, and the one with the most traffic. */
  production: string | null;
  activeVersion: string | null;
}

export interface ModelList {
  total: number;
  models: ListedModel[];
  /** The last model of this page where there are more; null: there are none. */
  next: string | null;
}

/** Models in the order of their names, a page at a time. @param after the last model of the page before */
export async function listModels(
  database: Database,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<ModelList> {
  const { total } = await database
    .selectFrom('models')
    .select((eb) => eb.fn.countAll<number | string>().as('total'))
    .executeTakeFirstOrThrow();
  let page = database.selectFrom('models').select(['model_id', 'description', 'created_at']);
  if (after !== undefined) page = page.where('model_id', '>', after);
  const rows = await page
    .orderBy('model_id')
    .limit(limit + 1)
    .execute();
  const shown = rows.slice(0, limit);
  const modelIds = shown.map(({ model_id }) => model_id);
  const [counts, routes] = await Promise.all([
    countVersions(database, modelIds),
    readRoutes(database, modelIds),
  ]);
  return {
    total: Number(total),
    models: shown.map(({ model_id: modelId, description, created_at: createdAt }) => ({
      modelId,
      description,
      createdAt,
      versions: Number(counts.get(modelId)?.versions ?? 0),
      production: counts.get(modelId)?.production ?? null,
      activeVersion: routes.get(modelId) ?? null,
    })),
    next: rows.length > limit ? (modelIds.at(-1) ?? null) : null,
  };
}

async function countVersions(database: Database, modelIds: readonly string[]) {
  if (modelIds.length === 0) return new Map();
  const rows = await database
    .selectFrom('versions')
    .select((eb) => [
      'model_id',
      eb.fn.countAll<number | string>().as('versions'),
      // There is one at most.
      sql<string | null>`max(case when stage = 'production' then version end)`.as('production'),
    ])
    .where('model_id', 'in', modelIds)
    .groupBy('model_id')
    .execute();
  return new Map(rows.map((row) => [row.model_id, row]));
}

async function readRoutes(database: Database, modelIds: readonly string[]): Promise<Map<string, string>> {
  if (modelIds.length === 0) return new Map();
  const rows = await database
    .selectFrom('routes')
    .select(['model_id', 'active_version'])
    .where('model_id', 'in', modelIds)
    .execute();
  return new Map(rows.map(({ model_id, active_version }) => [model_id, active_version]));
}

/** Names that begin in some way, whatever their case. */
export interface FoundNames {
  names: string[];
  total: number;
}

/** Models whose name begins so, in the order of their names. */
export async function findModelNames(
  database: Database,
  beginning: string,
  limit: number,
): Promise<FoundNames> {
  const found = database.selectFrom('models').where(begins('model_id', beginning));
  const { total } = await found
    .select((eb) => eb.fn.countAll<number | string>().as('total'))
    .executeTakeFirstOrThrow();
  const rows = await found.select('model_id').orderBy('model_id').limit(limit).execute();
  return { names: rows.map(({ model_id }) => model_id), total: Number(total) };
}

/** Versions of a model whose name begins so, the newest first. @throws MODEL_NOT_FOUND */
export async function findVersionNames(
  database: Database,
  modelId: string,
  beginning: string,
  limit: number,
): Promise<FoundNames> {
  await requireModel(database, modelId);
  const found = database
    .selectFrom('versions')
    .where('model_id', '=', modelId)
    .where(begins('version', beginning));
  const { total } = await found
    .select((eb) => eb.fn.countAll<number | string>().as('total'))
    .executeTakeFirstOrThrow();
  const rows = await found.select('version').orderBy('number', 'desc').limit(limit).execute();
  return { names: rows.map(({ version }) => version), total: Number(total) };
}

/** Names are letters, digits and marks of ASCII, of which both databases know the small ones. */
function begins(column: 'model_id' | 'version', beginning: string) {
  const length = sql.lit(beginning.length);
  return sql<SqlBool>`substr(lower(${sql.ref(column)}), 1, ${length}) = ${beginning.toLowerCase()}`;
}
