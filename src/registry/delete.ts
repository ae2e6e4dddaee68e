import type { Transaction } from 'kysely';
import { type Approver, approvedBy, type ChangePlan } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { collectGarbage } from './collect_garbage.ts';
import { findVersionName, requireModel } from './lookup.ts';
import { untilSettled } from './settled.ts';

export interface Deletion {
  modelId: string;
  /** undefined: the model with all its versions. */
  version?: string | undefined;
  reason?: string | undefined;
  dryRun: boolean;
  /** The token of a preview. */
  confirm?: string | undefined;
}

export interface DeletionOutcome {
  versions: string[];
  applied: boolean;
  /** What is deleted, and what stays, a sentence each. */
  effects: string[];
  /** Of a preview only: confirms exactly this deletion, once. */
  confirm: { token: string; expiresAt: number } | undefined;
  bytesFreed: number;
}

export interface DeleteDependencies {
  database: Database;
  artifacts: ArtifactStore;
  clock: () => number;
}

interface Doomed {
  version: string;
  number: number;
  stage: string;
  artifact_sha256: string;
  artifact_bytes: number;
  deployed: string | null;
}

/**
 * Deletes a version, or a model with all its versions, for good: only what is archived and serves nothing. The
 * history, the audit trail and the prediction log stay; the names are never given again. The artifacts that
 * nothing else refers to are removed.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, ILLEGAL_TRANSITION (not archived, or deployed), APPROVAL_REQUIRED
 */
export async function deleteVersions(
  dependencies: DeleteDependencies,
  deletion: Deletion,
  origin: Origin,
  approver: Approver,
): Promise<DeletionOutcome> {
  const { database } = dependencies;
  const { modelId } = deletion;
  const only =
    deletion.version === undefined ? undefined : await findVersionName(database, modelId, deletion.version);
  return untilSettled(async (stale) => {
    const doomed = await readDoomed(database, modelId, only);
    requireArchived(modelId, doomed);
    const plan = await planOf(database, deletion, doomed, only === undefined);
    const versions = doomed.map(({ version }) => version);
    const outcome = { versions, effects: plan.summary };
    if (deletion.dryRun) {
      const { confirm: token, expiresAt } = await approver.preview(plan);
      return {
        ...outcome,
        effects: plan.summary.map(conditional),
        applied: false,
        confirm: { token, expiresAt },
        bytesFreed: 0,
      };
    }
    const approval = await approver.obtain(plan, deletion.confirm);
    await changeModel(dependencies, origin, { modelId, version: only }, async (transaction, at) => {
      const now = await readDoomed(transaction, modelId, only);
      if (JSON.stringify(now) !== JSON.stringify(doomed)) throw stale;
      await approval.use(transaction, at);
      await removeRows(transaction, modelId, doomed, at, nameOf(origin.caller));
      if (only === undefined) await removeModel(transaction, modelId);
      return {
        result: undefined,
        before: { versions: doomed.map(({ version, artifact_sha256 }) => ({ version, artifact_sha256 })) },
        after: { deleted: versions, ...approvedBy(approval) },
      };
    });
    const bytesFreed = await collectGarbage(
      dependencies,
      doomed.map((row) => ({ sha256: row.artifact_sha256, bytes: row.artifact_bytes })),
    );
    return { ...outcome, applied: true, confirm: undefined, bytesFreed };
  });
}

async function readDoomed(
  database: Database,
  modelId: string,
  version: string | undefined,
): Promise<Doomed[]> {
  await requireModel(database, modelId);
  let query = database
    .selectFrom('versions')
    .leftJoin('deployments', (join) =>
      join
        .onRef('deployments.model_id', '=', 'versions.model_id')
        .onRef('deployments.version', '=', 'versions.version'),
    )
    .select([
      'versions.version',
      'versions.number',
      'versions.stage',
      'versions.artifact_sha256',
      'versions.artifact_bytes',
      'deployments.version as deployed',
    ])
    .where('versions.model_id', '=', modelId);
  if (version !== undefined) query = query.where('versions.version', '=', version);
  const rows = await query.orderBy('versions.number').execute();
  // Another call deleted it meanwhile: the error says so and names what exists.
  if (version !== undefined && rows.length === 0) await findVersionName(database, modelId, version);
  return rows;
}

function requireArchived(modelId: string, doomed: readonly Doomed[]): void {
  const deployed = doomed.filter((row) => row.deployed !== null).map(({ version }) => version);
  if (deployed.length > 0)
    throw new ModelYardError(
      'ILLEGAL_TRANSITION',
      `${modelId} ${deployed.slice(0, 10).join(', ')} is deployed; only what serves nothing can be deleted.`,
      'Call retire_model first.',
    );
  const staged = doomed.filter(({ stage }) => stage !== 'archived');
  if (staged.length > 0)
    throw new ModelYardError(
      'ILLEGAL_TRANSITION',
      `Only archived versions can be deleted; of ${modelId}, ${staged
        .slice(0, 10)
        .map(({ version, stage }) => `${version} is in ${stage}`)
        .join(', ')}.`,
      'Call promote_model with target_stage=archived first.',
    );
}

/** A sentence of a plan in the conditional, for a preview, in which nothing is done. */
function conditional(sentence: string): string {
  return sentence
    .replace(' is deleted for good', ' would be deleted for good')
    .replace(/ go; no call brings them back/, ' would go; no call would bring them back')
    .replace(
      'logged predictions stay, and its names are not given again',
      'logged predictions would stay, and its names would not be given again',
    )
    .replace(/^Its aliases go:/, 'Its aliases would go:');
}

async function planOf(
  database: Database,
  { modelId, reason }: Deletion,
  doomed: readonly Doomed[],
  whole: boolean,
): Promise<ChangePlan> {
  const versions = doomed.map(({ version }) => version);
  const bytes = doomed.reduce((sum, row) => sum + row.artifact_bytes, 0);
  const aliases = await database
    .selectFrom('aliases')
    .select(['alias', 'version'])
    .where('model_id', '=', modelId)
    .orderBy('alias')
    .execute();
  const lost = aliases.filter(({ version }) => versions.includes(version)).map(({ alias }) => alias);
  const shown = versions.slice(0, 20).join(', ') + (versions.length > 20 ? ', …' : '');
  return {
    modelId,
    summary: [
      whole
        ? `Model ${modelId} is deleted for good with all its versions (${versions.length}): ${shown}.`
        : `Version ${shown} of model ${modelId} is deleted for good.`,
      `Its records, references and artifacts (${(bytes / 1e6).toFixed(1)} MB, where nothing else refers to them) go; no call brings them back.`,
      'Its history, audit trail and logged predictions stay, and its names are not given again.',
      ...(lost.length > 0 ? [`Its aliases go: ${lost.slice(0, 20).join(', ')}.`] : []),
      ...(reason === undefined ? [] : [`Reason given: ${reason}`]),
    ],
    change: { ...untouched({ production: undefined, weights: [] }), deletes: true },
    facts: { whole, versions: doomed.map(({ version, artifact_sha256 }) => [version, artifact_sha256]) },
  };
}

/** The rows that are deleted with a version; its history and its logged predictions stay. */
const tablesOfVersions = [
  'aliases',
  'version_parents',
  'breakers',
  'references',
  'drift_evaluations',
  'latest_measurements',
  'online_streams',
] as const;

async function removeRows(
  transaction: Transaction<Tables>,
  modelId: string,
  doomed: readonly Doomed[],
  at: number,
  by: string,
): Promise<void> {
  for (const { version, number, artifact_sha256 } of doomed) {
    for (const table of ['reference_columns', 'reference_rows'] as const)
      await transaction
        .deleteFrom(table)
        .where('reference_id', 'in', (references) =>
          references
            .selectFrom('references')
            .select('reference_id')
            .where('model_id', '=', modelId)
            .where('version', '=', version),
        )
        .execute();
    for (const table of ['version_metrics', 'version_tags'] as const)
      await transaction.deleteFrom(table).where('number', '=', number).execute();
    for (const table of tablesOfVersions)
      await transaction
        .deleteFrom(table)
        .where('model_id', '=', modelId)
        .where('version', '=', version)
        .execute();
    await transaction
      .deleteFrom('shadow_totals')
      .where('model_id', '=', modelId)
      .where('shadow_version', '=', version)
      .execute();
    await transaction
      .deleteFrom('versions')
      .where('model_id', '=', modelId)
      .where('version', '=', version)
      .execute();
    await transaction
      .insertInto('deleted_versions')
      .values({ model_id: modelId, version, deleted_at: at, deleted_by: by, artifact_sha256 })
      .execute();
  }
}

async function removeModel(transaction: Transaction<Tables>, modelId: string): Promise<void> {
  await transaction.deleteFrom('gate_policies').where('model_id', '=', modelId).execute();
  await transaction.deleteFrom('models').where('model_id', '=', modelId).execute();
}
