import { type RawBuilder, sql, type Transaction } from 'kysely';
import { lockTrail } from '../access/audit.ts';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { findVersion } from './lookup.ts';

/** A version of any model. */
export interface VersionReference {
  modelId: string;
  version: string;
}

/** One step of lineage: the child was derived from the parent. */
interface Derivation {
  parent: VersionReference;
  child: VersionReference;
}

/** A `version` of the given model, or `model:version` of any. */
export function parseReference(text: string, modelId: string): VersionReference {
  const colon = text.indexOf(':');
  return colon === -1
    ? { modelId, version: text }
    : { modelId: text.slice(0, colon), version: text.slice(colon + 1) };
}

/** The inverse of parseReference: short within the model at hand. */
export function showReference(reference: VersionReference, modelId: string): string {
  return reference.modelId === modelId ? reference.version : keyOf(reference);
}

function keyOf({ modelId, version }: VersionReference): string {
  return `${modelId}:${version}`;
}

/** The parents of one version, as showReference writes them. */
export async function readParents(database: Database, child: VersionReference): Promise<string[]> {
  const rows = await database
    .selectFrom('version_parents')
    .select(['parent_model_id', 'parent_version'])
    .where('model_id', '=', child.modelId)
    .where('version', '=', child.version)
    .orderBy('parent_model_id')
    .orderBy('parent_version')
    .execute();
  return rows.map((row) =>
    showReference({ modelId: row.parent_model_id, version: row.parent_version }, child.modelId),
  );
}

/**
 * Replaces the parents of a version. A parent that was deleted since may stay among them, but not be added.
 *
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND; INVALID_INPUT naming the cycle that a parent would close
 */
export async function writeParents(
  transaction: Transaction<Tables>,
  child: VersionReference,
  given: readonly string[],
): Promise<void> {
  // Changes of lineage are serialised over all models, since two that are each valid could close a cycle together.
  await lockTrail(transaction);
  const kept = await readParents(transaction, child);
  const parents = new Map<string, VersionReference>();
  for (const text of given) {
    const named = parseReference(text, child.modelId);
    const { modelId, version } = kept.includes(showReference(named, child.modelId))
      ? named
      : await findVersion(transaction, named.modelId, named.version);
    parents.set(keyOf({ modelId, version }), { modelId, version });
  }
  for (const parent of parents.values()) await requireNoCycle(transaction, child, parent);
  await transaction
    .deleteFrom('version_parents')
    .where('model_id', '=', child.modelId)
    .where('version', '=', child.version)
    .execute();
  const rows = [...parents.values()].map((parent) => ({
    model_id: child.modelId,
    version: child.version,
    parent_model_id: parent.modelId,
    parent_version: parent.version,
  }));
  if (rows.length > 0) await transaction.insertInto('version_parents').values(rows).execute();
}

async function requireNoCycle(
  database: Database,
  child: VersionReference,
  parent: VersionReference,
): Promise<void> {
  const target = keyOf(child);
  // By which version each ancestor was reached, so that the path can be named.
  const reachedBy = new Map<string, string | undefined>([[keyOf(parent), undefined]]);
  for (let generation = [parent]; generation.length > 0; ) {
    const found = generation.find((reference) => keyOf(reference) === target);
    if (found !== undefined) throw cycle(child, reachedBy);
    const next: VersionReference[] = [];
    for (const step of await derivations(database, 'parents', generation, maxAncestors)) {
      if (reachedBy.has(keyOf(step.parent))) continue;
      reachedBy.set(keyOf(step.parent), keyOf(step.child));
      next.push(step.parent);
    }
    if (reachedBy.size >= maxAncestors)
      throw new ModelYardError(
        'LIMIT_EXCEEDED',
        `${keyOf(parent)} has ${maxAncestors} ancestors or more, too many to look through for a cycle.`,
        'Name a nearer ancestor of fewer versions as the parent.',
      );
    generation = next;
  }
}

/** Ancestors that are checked before a parent is refused. */
const maxAncestors = 100_000;

function cycle(child: VersionReference, reachedBy: ReadonlyMap<string, string | undefined>): ModelYardError {
  const way: string[] = [];
  for (let at: string | undefined = keyOf(child); at !== undefined; at = reachedBy.get(at))
    way.push(showReference(parseReference(at, child.modelId), child.modelId));
  const shown = way.length > 12 ? [...way.slice(0, 6), '…', ...way.slice(-5)] : way;
  return new ModelYardError(
    'INVALID_INPUT',
    `That parent would make ${keyOf(child)} its own ancestor: ${[...shown, showReference(child, child.modelId)].join(' → ')}.`,
    'Leave that parent out, or first take the version out of the parents of the one after it.',
  );
}

export interface Lineage {
  /** Nearest generations first. */
  derivations: Derivation[];
  /** Which of them were deleted, as `model:version`. */
  deleted: Set<string>;
  /** Whether there are more than are listed. */
  truncated: boolean;
}

/** The ancestors and descendants of some versions, up to so many generations each way. */
export async function readLineage(
  database: Database,
  roots: readonly VersionReference[],
  limits: { generations: number; steps: number },
): Promise<Lineage> {
  const found = new Map<string, Derivation>();
  let truncated = false;
  for (const side of ['parents', 'children'] as const) {
    let generation = [...roots];
    const seen = new Set(roots.map(keyOf));
    for (let depth = 0; generation.length > 0; depth++) {
      const room = depth === limits.generations ? 0 : limits.steps - found.size;
      const steps = await derivations(database, side, generation, room + 1 + found.size);
      const fresh = steps.filter((step) => !found.has(`${keyOf(step.parent)} ${keyOf(step.child)}`));
      if (fresh.length > room) truncated = true;
      generation = [];
      for (const step of fresh.slice(0, room)) {
        found.set(`${keyOf(step.parent)} ${keyOf(step.child)}`, step);
        const next = side === 'parents' ? step.parent : step.child;
        if (!seen.has(keyOf(next))) generation.push(next);
        seen.add(keyOf(next));
      }
      if (room === 0) break;
    }
  }
  const steps = [...found.values()];
  const deleted = await deletedAmong(
    database,
    steps.map(({ parent }) => parent),
  );
  return { derivations: steps, deleted, truncated };
}

async function derivations(
  database: Database,
  side: 'parents' | 'children',
  of: readonly VersionReference[],
  limit: number,
): Promise<Derivation[]> {
  const columns = side === 'parents' ? ['model_id', 'version'] : ['parent_model_id', 'parent_version'];
  const found: Derivation[] = [];
  for (const part of parts(of)) {
    const rows = await database
      .selectFrom('version_parents')
      .selectAll()
      .where(isOneOf(columns, part))
      .orderBy('model_id')
      .orderBy('version')
      .limit(limit)
      .execute();
    found.push(
      ...rows.map((row) => ({
        parent: { modelId: row.parent_model_id, version: row.parent_version },
        child: { modelId: row.model_id, version: row.version },
      })),
    );
  }
  return found;
}

async function deletedAmong(
  database: Database,
  references: readonly VersionReference[],
): Promise<Set<string>> {
  const deleted = new Set<string>();
  for (const part of parts(references)) {
    const rows = await database
      .selectFrom('deleted_versions')
      .select(['model_id', 'version'])
      .where(isOneOf(['model_id', 'version'], part))
      .execute();
    for (const row of rows) deleted.add(keyOf({ modelId: row.model_id, version: row.version }));
  }
  return deleted;
}

/** In parts, since the number of parameters of a statement is limited. */
function parts(references: readonly VersionReference[]): VersionReference[][] {
  const size = 400;
  return Array.from({ length: Math.ceil(references.length / size) }, (_, index) =>
    references.slice(index * size, (index + 1) * size),
  );
}

/** Whether the two columns are one of the pairs; both databases look each up in an index. */
export function isOneOf(
  columns: readonly string[],
  references: readonly VersionReference[],
): RawBuilder<boolean> {
  const pairs = references.map(({ modelId, version }) => sql`(${modelId}, ${version})`);
  return sql<boolean>`(${sql.join(columns.map((column) => sql.ref(column)))}) in (values ${sql.join(pairs)})`;
}
