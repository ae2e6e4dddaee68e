import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from 'kysely';
import { z } from 'zod';
import { type ChangeDependencies, changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import type { Tables } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
import { readAliases, requireNoVersion, writeAlias } from './aliases.ts';
import { type FieldChange, mapChanges, namedChanges } from './field_changes.ts';
import { type GatePolicies, guardedStages, readGatePolicies, writeGatePolicies } from './gate_policy.ts';
import { findVersion, findVersionName, requireModel } from './lookup.ts';
import { updateVersion, type VersionFacts } from './update_version.ts';

/** New values of descriptive facts; what is undefined stays as it is. */
export interface ModelUpdate extends VersionFacts {
  modelId: string;
  /** A version or an alias of one; without it, description and tags are the model's own. */
  version?: string | undefined;
  /** Alias to its new version, or null to remove the alias. */
  aliases?: Record<string, string | null> | undefined;
  /** The whole policy for entering a stage, or null to remove it. */
  gates?: GatePolicies | undefined;
}

export interface ModelUpdated {
  /** The version's own name; undefined when the model itself was described. */
  version: string | undefined;
  /** Empty when nothing was different: then nothing is written, not even to the audit trail. */
  changed: FieldChange[];
}

/**
 * Changes what describes a model or one of its versions; what a version is (its bytes, signature and class labels)
 * never changes. All of the update is made or nothing, and each changed field is in the audit trail.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND; INVALID_INPUT for a fact that only versions have, an alias that is a
 *   version's name, a cycle of parents; PERMISSION_DENIED for gates without ADMIN
 */
export async function updateModel(
  dependencies: ChangeDependencies,
  update: ModelUpdate,
  origin: Origin,
): Promise<ModelUpdated> {
  const { database } = dependencies;
  const { modelId } = update;
  if (update.gates !== undefined) requireAdmin(origin);
  if (update.version === undefined) requireOwnFacts(update);
  const named =
    update.version === undefined ? undefined : await findVersion(database, modelId, update.version);
  if (named === undefined) await requireModel(database, modelId);
  const version = named?.version;
  return changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    const by = nameOf(origin.caller);
    const described =
      version === undefined
        ? await updateOwn(transaction, update)
        : await updateVersion(transaction, { modelId, version }, update, at, by);
    const changed = [
      ...described,
      ...(await updateAliases(transaction, update, at, by)),
      ...(await updateGates(transaction, update, at, by)),
    ];
    return {
      result: { version, changed },
      before: Object.fromEntries(changed.map(({ field, before }) => [field, before])),
      after: Object.fromEntries(changed.map(({ field, after }) => [field, after])),
      unchanged: changed.length === 0,
    };
  });
}

/** Removing a gate would be a way past it without force. */
function requireAdmin({ caller }: Origin): void {
  if (may(caller, 'ADMIN')) return;
  throw new ModelYardError(
    'PERMISSION_DENIED',
    `gates can be set by the role admin only; this server's role is ${caller.role}.`,
    'Start the server with MODELYARD_ROLE=admin to set them; without gates, the rest of the call can be changed.',
  );
}

function requireOwnFacts(update: ModelUpdate): void {
  const { author, framework, algorithm, metrics, hyperparameters, parentVersions } = update;
  const given = Object.entries({
    author,
    framework,
    algorithm,
    metrics,
    hyperparameters,
    parent_versions: parentVersions,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 0) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${given.join(', ')} can be said of a version only, and no version was named.`,
    'Name the version; a model itself has description, tags and aliases.',
  );
}

const storedTags = z.record(z.string(), z.string());

/** The tags of a model as its row has them. */
export function parseTags(modelId: string, text: string | null): Record<string, string> {
  if (text === null) return {};
  return readStored(storedTags, text, { table: 'models', column: 'tags', of: modelId });
}

async function updateOwn(
  transaction: Transaction<Tables>,
  { modelId, description, tags: wanted }: ModelUpdate,
): Promise<FieldChange[]> {
  const row = await requireModel(transaction, modelId);
  const tags = new Map(Object.entries(parseTags(modelId, row.tags)));
  const given = namedChanges(tags, wanted);
  const tagChanges = mapChanges('tags', tags, given);
  for (const [name, value] of Object.entries(given)) {
    if (value === null) tags.delete(name);
    else tags.set(name, value);
  }
  const changed = [
    ...(description === undefined || description === row.description
      ? []
      : [{ field: 'description', before: row.description, after: description }]),
    ...tagChanges,
  ];
  if (changed.length > 0)
    await transaction
      .updateTable('models')
      .set({
        ...(description !== undefined && { description }),
        tags: tags.size === 0 ? null : JSON.stringify(Object.fromEntries(tags)),
      })
      .where('model_id', '=', modelId)
      .execute();
  return changed;
}

async function updateAliases(
  transaction: Transaction<Tables>,
  { modelId, aliases: given }: ModelUpdate,
  at: number,
  by: string,
): Promise<FieldChange[]> {
  if (given === undefined) return [];
  // Targets are looked up before any alias changes: one alias may be set to the version that another one names.
  const wanted: Record<string, string | null> = {};
  for (const [alias, name] of Object.entries(given)) {
    if (name !== null) await requireNoVersion(transaction, modelId, alias);
    wanted[alias] = name === null ? null : await findVersionName(transaction, modelId, name);
  }
  const before = new Map(
    (await readAliases(transaction, modelId)).map(({ alias, version }) => [alias, version]),
  );
  for (const [alias, version] of Object.entries(wanted))
    if ((before.get(alias) ?? null) !== version)
      await writeAlias(transaction, modelId, alias, version, at, by);
  return mapChanges('aliases', before, wanted);
}

async function updateGates(
  transaction: Transaction<Tables>,
  { modelId, gates = {} }: ModelUpdate,
  at: number,
  by: string,
): Promise<FieldChange[]> {
  const policies = await readGatePolicies(transaction, modelId);
  const changed = guardedStages.flatMap((stage) => {
    const after = gates[stage];
    const before = policies[stage] ?? null;
    return after === undefined || isDeepStrictEqual(before, after)
      ? []
      : [{ field: `gates.${stage}`, before, after }];
  });
  if (changed.length > 0) await writeGatePolicies(transaction, modelId, gates, at, by);
  return changed;
}
