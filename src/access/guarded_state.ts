import { createHash } from 'node:crypto';
import type { Database } from '../storage/database.ts';

/**
 * The state of a model that the audit trail guards: hashes of its rows as a change left them. A row that is altered
 * without an entry no longer has its hash.
 */
export interface GuardedState {
  /** Hashes of the rows of the model as a whole, by table, or table and key; null where there is no such model. */
  model: Record<string, string> | null;
  /** The same of versions. */
  versions: Record<string, Record<string, string>>;
  /** The steps of stage histories, by `version#sequence`. */
  steps: Record<string, string>;
}

/** The columns that are hashed; those that change without an entry (revisions, probe results) are left out. */
const columns = {
  models: ['model_id', 'created_at', 'description', 'tags'],
  aliases: ['alias', 'version', 'changed_at', 'changed_by'],
  gate_policies: ['stage', 'policy', 'changed_at', 'changed_by'],
  routes: ['active_version', 'weights', 'sticky', 'shadow_version', 'changed_at', 'changed_by'],
  versions: [
    ...['version', 'number', 'stage', 'transitions', 'created_at', 'created_by', 'source', 'artifact_sha256'],
    ...['artifact_bytes', 'signature', 'class_labels', 'framework', 'algorithm', 'hyperparameters'],
    ...['description', 'warnings', 'author', 'producer', 'opsets', 'updated_at', 'updated_by'],
  ],
  version_parents: ['version', 'parent_model_id', 'parent_version'],
  deployments: [
    ...['version', 'deployed_at', 'deployed_by', 'error_threshold', 'latency_threshold_ms', 'instances'],
    'probe',
  ],
  references: ['reference_id', 'version', 'created_at', 'created_by', 'source', 'row_count'],
  deleted_versions: ['version', 'deleted_at', 'deleted_by', 'artifact_sha256'],
  stage_transitions: [
    ...['transition_id', 'version', 'sequence', 'revision', 'kind', 'forced', 'from_stage', 'to_stage'],
    ...['at', 'by', 'reason'],
  ],
} as const;

type Row = Record<string, unknown>;

/**
 * A model's present state.
 *
 * @param only which versions are read, and their steps since which revision; default all
 */
export async function readState(
  database: Database,
  modelId: string,
  only?: { versions: readonly string[]; sinceRevision: number },
): Promise<GuardedState> {
  const rowsOf = (table: keyof typeof columns): Promise<Row[]> => {
    const rows = database.selectFrom(table).selectAll().where('model_id', '=', modelId);
    return rows.execute();
  };
  const ofVersions = async (table: (typeof versionTables)[number]): Promise<Row[]> => {
    const rows = database.selectFrom(table).selectAll().where('model_id', '=', modelId);
    return (only === undefined ? rows : rows.where('version', 'in', [...only.versions])).execute();
  };
  const [model] = await rowsOf('models');
  const own: Record<string, string> = {};
  if (model !== undefined) {
    own.models = hashRows('models', [model]);
    for (const table of ['aliases', 'routes'] as const) put(own, table, table, await rowsOf(table));
    for (const row of await rowsOf('gate_policies'))
      put(own, `gate_policies ${String(row.stage)}`, 'gate_policies', [row]);
  }
  const state: GuardedState = { model: model === undefined ? null : own, versions: {}, steps: {} };
  if (only?.versions.length === 0) return state;
  const byVersion = new Map<string, Record<string, string>>();
  const entryOf = (version: string) => {
    const known = byVersion.get(version) ?? {};
    byVersion.set(version, known);
    return known;
  };
  const numbers = new Map<unknown, string>();
  for (const table of versionTables)
    for (const [version, rows] of grouped(await ofVersions(table), ({ version }) => String(version))) {
      if (table === 'versions') numbers.set(rows[0]?.number, version);
      put(entryOf(version), table, table, rows);
    }
  for (const table of ['version_metrics', 'version_tags'] as const) {
    const rows = await database
      .selectFrom(table)
      .innerJoin('versions', 'versions.number', `${table}.number`)
      .select([`${table}.number`, `${table}.name`, `${table}.value`])
      .where('versions.model_id', '=', modelId)
      .$if(only !== undefined, (query) => query.where('versions.version', 'in', [...(only?.versions ?? [])]))
      .execute();
    for (const [version, named] of grouped(rows, ({ number }) => numbers.get(number) ?? ''))
      entryOf(version)[table] = hashOf(
        table,
        named.map(({ name, value }) => [name, value]),
      );
  }
  state.versions = Object.fromEntries(byVersion);
  let steps = database.selectFrom('stage_transitions').selectAll().where('model_id', '=', modelId);
  if (only !== undefined) steps = steps.where('revision', '>=', only.sinceRevision);
  state.steps = Object.fromEntries(
    (await steps.execute()).map((row) => [
      `${row.version}#${row.sequence}`,
      hashRows('stage_transitions', [row]),
    ]),
  );
  return state;
}

const versionTables = [
  'versions',
  'version_parents',
  'deployments',
  'references',
  'deleted_versions',
] as const;

/** The versions that a change touched beside its own: those whose stage it moved, and those it deleted. */
export async function touchedVersions(
  database: Database,
  modelId: string,
  revision: number,
  at: number,
): Promise<string[]> {
  const moved = await database
    .selectFrom('stage_transitions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('revision', '=', revision)
    .execute();
  const deleted = await database
    .selectFrom('deleted_versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('deleted_at', '=', at)
    .execute();
  return [...moved, ...deleted].map(({ version }) => version);
}

function put(into: Record<string, string>, name: string, table: keyof typeof columns, rows: Row[]): void {
  if (rows.length > 0) into[name] = hashRows(table, rows);
}

function hashRows(table: keyof typeof columns, rows: readonly Row[]): string {
  return hashOf(
    table,
    rows.map((row) => columns[table].map((column) => row[column] ?? null)),
  );
}

/** 128 bits are enough, since they are compared with entries whose chained hashes have full length. */
function hashOf(table: string, rows: readonly unknown[][]): string {
  // The two databases sort differently, so the lines are sorted here.
  const lines = rows.map((row) => JSON.stringify(row)).sort();
  return createHash('sha256')
    .update(`${table}\n${lines.join('\n')}`)
    .digest('base64url')
    .slice(0, 22);
}

function grouped<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
