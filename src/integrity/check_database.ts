import { type Kysely, sql } from 'kysely';
import type { StoreKind } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { fromBackup, problem, type Report } from './finding.ts';

const shownFaults = 20;

/** The database file itself, where it is ours (PostgreSQL looks after its own), and what its rows refer to. */
export async function checkDatabase(
  snapshot: Kysely<Tables>,
  kind: StoreKind,
  report: Report,
): Promise<void> {
  if (kind === 'sqlite') await checkFile(snapshot, report);
  await checkReferences(snapshot, report);
  const rivals = await snapshot
    .selectFrom('versions')
    .select(['model_id', ({ fn }) => fn.countAll<number>().as('count')])
    .where('stage', '=', 'production')
    .groupBy('model_id')
    .having(({ fn }) => fn.countAll(), '>', 1)
    .execute();
  for (const { model_id, count } of rivals)
    report(problem(`${model_id} has ${count} production versions`, fromBackup));
}

async function checkFile(snapshot: Kysely<Tables>, report: Report): Promise<void> {
  const { rows: faults } = await sql<{
    integrity_check: string;
  }>`select integrity_check from pragma_integrity_check(${sql.lit(shownFaults)})`.execute(snapshot);
  for (const { integrity_check: fault } of faults)
    if (fault !== 'ok') report(problem(`the database file is damaged: ${fault}`, fromBackup));
  const { rows: dangling } = await sql<{ table: string; parent: string; count: number }>`
    select "table", parent, count(*) as count from pragma_foreign_key_check group by "table", parent`.execute(
    snapshot,
  );
  for (const { table, parent, count } of dangling)
    report(problem(`${count} rows of ${table} refer to rows of ${parent} that do not exist`, fromBackup));
}

/** Tables whose rows are of a version that exists. */
const ofVersions = ['aliases', 'breakers', 'deployments', 'references', 'version_parents'] as const;

async function checkReferences(snapshot: Kysely<Tables>, report: Report): Promise<void> {
  for (const table of ofVersions) {
    const { rows } = await sql<{ model_id: string; version: string }>`
      select distinct model_id, version from ${sql.table(table)} as owned
      where not exists (
        select 1 from versions where model_id = owned.model_id and version = owned.version
      ) limit ${sql.lit(shownFaults)}`.execute(snapshot);
    for (const { model_id, version } of rows)
      report(problem(`${table} has rows of ${model_id} ${version}, which does not exist`, fromBackup));
  }
  for (const table of ['version_metrics', 'version_tags'] as const) {
    const { rows } = await sql<{ number: number }>`
      select distinct number from ${sql.table(table)} as owned
      where not exists (select 1 from versions where number = owned.number)
      limit ${sql.lit(shownFaults)}`.execute(snapshot);
    for (const { number } of rows)
      report(problem(`${table} has rows of version number ${number}, which does not exist`, fromBackup));
  }
  for (const table of ['versions', 'gate_policies', 'routes'] as const) {
    const { rows } = await sql<{ model_id: string }>`
      select distinct model_id from ${sql.table(table)} as owned
      where not exists (select 1 from models where model_id = owned.model_id)
      limit ${sql.lit(shownFaults)}`.execute(snapshot);
    for (const { model_id } of rows)
      report(problem(`${table} has rows of the model ${model_id}, which does not exist`, fromBackup));
  }
  const { rows: deleted } = await sql<{ model_id: string; version: string }>`
    select versions.model_id, versions.version from versions inner join deleted_versions
    on deleted_versions.model_id = versions.model_id and deleted_versions.version = versions.version
    limit ${sql.lit(shownFaults)}`.execute(snapshot);
  for (const { model_id, version } of deleted)
    report(problem(`${model_id} ${version} exists though it was deleted`, fromBackup));
}
