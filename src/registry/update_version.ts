import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from 'kysely';
import type { Tables } from '../storage/schema.ts';
import { type FieldChange, mapChanges, namedChanges } from './field_changes.ts';
import { readParents, type VersionReference, writeParents } from './lineage.ts';
import { findVersion } from './lookup.ts';
import { searchText } from './search_text.ts';
import type { VersionRecord } from './version_record.ts';

/** New values of the facts that describe a version; undefined leaves one as it is, null removes it. */
export interface VersionFacts {
  description?: string | null | undefined;
  author?: string | null | undefined;
  framework?: string | null | undefined;
  algorithm?: string | null | undefined;
  tags?: Record<string, string | null> | null | undefined;
  metrics?: Record<string, number | null> | null | undefined;
  /** All tags: those that are left out are removed. */
  hyperparameters?: Record<string, unknown> | null | undefined;
  /** All parents, as `version` or `model:version`. */
  parentVersions?: string[] | undefined;
}

const textFields = ['description', 'author', 'framework', 'algorithm'] as const;

/**
 * Changes what describes a version.
 * @returns the fields that changed
 * @throws VERSION_NOT_FOUND, also of a parent; INVALID_INPUT for a cycle of parents
 */
export async function updateVersion(
  transaction: Transaction<Tables>,
  subject: VersionReference,
  given: VersionFacts,
  at: number,
  by: string,
): Promise<FieldChange[]> {
  const record = await findVersion(transaction, subject.modelId, subject.version);
  const tags = await readNamed(transaction, 'version_tags', record);
  const metrics = await readNamed(transaction, 'version_metrics', record);
  const newTags = namedChanges(tags, given.tags);
  const newMetrics = namedChanges(metrics, given.metrics);
  const texts = textFields.flatMap((field): FieldChange[] => {
    const after = given[field];
    return after === undefined || after === record[field] ? [] : [{ field, before: record[field], after }];
  });
  const changed = [
    ...texts,
    ...hyperparameterChange(record, given),
    ...mapChanges('tags', tags, newTags),
    ...mapChanges('metrics', metrics, newMetrics),
    ...(await changeParents(transaction, subject, given.parentVersions)),
  ];
  if (changed.length === 0) return changed;

  for (const [name, value] of Object.entries(newTags)) {
    await writeNamed(transaction, 'version_tags', record, name, value);
    if (value === null) tags.delete(name);
    else tags.set(name, value);
  }
  for (const [name, value] of Object.entries(newMetrics))
    await writeNamed(transaction, 'version_metrics', record, name, value);
  const { description, author, framework, algorithm } = record;
  const facts = { description, author, framework, algorithm };
  for (const field of textFields) facts[field] = given[field] === undefined ? facts[field] : given[field];
  await transaction
    .updateTable('versions')
    .set({
      ...facts,
      ...(given.hyperparameters !== undefined && {
        hyperparameters: given.hyperparameters === null ? null : JSON.stringify(given.hyperparameters),
      }),
      search_text: searchText({ ...subject, ...facts, tags: Object.fromEntries(tags) }),
      updated_at: at,
      updated_by: by,
    })
    .where('model_id', '=', subject.modelId)
    .where('version', '=', subject.version)
    .execute();
  return changed;
}

function hyperparameterChange(
  { hyperparameters: before }: VersionRecord,
  { hyperparameters: after }: VersionFacts,
): FieldChange[] {
  return after === undefined || isDeepStrictEqual(before, after)
    ? []
    : [{ field: 'hyperparameters', before, after }];
}

async function changeParents(
  transaction: Transaction<Tables>,
  child: VersionReference,
  given: string[] | undefined,
): Promise<FieldChange[]> {
  if (given === undefined) return [];
  const before = await readParents(transaction, child);
  await writeParents(transaction, child, given);
  const after = await readParents(transaction, child);
  return isDeepStrictEqual(before, after) ? [] : [{ field: 'parent_versions', before, after }];
}

async function readNamed<Table extends 'version_tags' | 'version_metrics'>(
  transaction: Transaction<Tables>,
  table: Table,
  { number }: VersionRecord,
): Promise<Map<string, Tables[Table]['value']>> {
  const rows = await transaction
    .selectFrom<'version_tags' | 'version_metrics'>(table)
    .select(['name', 'value'])
    .where('number', '=', number)
    .orderBy('name')
    .execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}

async function writeNamed(
  transaction: Transaction<Tables>,
  table: 'version_tags' | 'version_metrics',
  { number }: VersionRecord,
  name: string,
  value: string | number | null,
): Promise<void> {
  if (value === null) {
    await transaction.deleteFrom(table).where('number', '=', number).where('name', '=', name).execute();
    return;
  }
  await transaction
    .insertInto(table)
    .values({ number, name, value })
    .onConflict((conflict) => conflict.columns(['number', 'name']).doUpdateSet({ value }))
    .execute();
}
