import type { Transaction } from 'kysely';
import { lockTrail } from '../access/audit.ts';
import { changeModel } from '../access/change_model.ts';
import { readableFile } from '../access/file_access.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import type { Artifact, ArtifactStore } from '../storage/artifact_store.ts';
import { type Database, isUniqueViolation } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { requireFreeName } from './aliases.ts';
import { classesOf, labelledOutputs } from './class_labels.ts';
import { parseReference, writeParents } from './lineage.ts';
import { findVersion } from './lookup.ts';
import type { ModelInspector, ModelOrigin } from './model_inspector.ts';
import { searchText } from './search_text.ts';
import { deriveFeatures, type Signature, type TensorSpec } from './signature.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

/** The facts a caller gives of a version; all but the identifiers and the source are descriptive. */
export interface Registration {
  modelId: string;
  version: string;
  source: string;
  featureNames?: string[] | undefined;
  classLabels?: string[] | undefined;
  framework?: string | undefined;
  algorithm?: string | undefined;
  metrics?: Record<string, number> | undefined;
  hyperparameters?: Record<string, unknown> | undefined;
  tags?: Record<string, string> | undefined;
  description?: string | undefined;
  author?: string | undefined;
  /** `version`, or `model:version` of another model. */
  parentVersion?: string | undefined;
  /** The file itself, where the source names another place from which it was brought. */
  file?: string | undefined;
  /** Feature names that come with the file: taken where the caller gives none and they fit. */
  suggestedFeatureNames?: string[] | undefined;
  /** What else is to be written in the transaction that makes the record. */
  also?: ((transaction: Transaction<Tables>) => Promise<void>) | undefined;
}

export interface RegisterDependencies {
  database: Database;
  artifacts: ArtifactStore;
  inspector: ModelInspector;
  allowedRoots: readonly string[];
  clock: () => number;
}

/**
 * Registers a version in stage development: checks the path, copies the file into the artifact store,
 * loads it once to read its signature, then writes the record. Registering the same bytes with the same
 * names again changes nothing and returns what is there.
 * @throws INVALID_INPUT, PATH_NOT_ALLOWED, LIMIT_EXCEEDED, ARTIFACT_INVALID, SIGNATURE_MISMATCH, VERSION_EXISTS.
 */
export async function registerVersion(
  dependencies: RegisterDependencies,
  registration: Registration,
  origin: Origin,
  signal?: AbortSignal,
): Promise<{ record: VersionRecord; created: boolean }> {
  const { database, artifacts } = dependencies;
  const { modelId, version } = registration;
  const file = registration.file ?? (await localFile(registration.source, dependencies.allowedRoots));
  await requireParent(database, registration);
  const artifact = await artifacts.add(file, signal);

  const existing = await readVersion(database, modelId, version);
  if (existing !== undefined) {
    await orDiscard(dependencies, artifact, async () => requireSame(existing, artifact, registration));
    return { record: existing, created: false };
  }
  await orDiscard(dependencies, artifact, () => requireFreeName(database, modelId, version));

  const inspected = await orDiscard(dependencies, artifact, () => dependencies.inspector.inspect(artifact));
  const { features, warnings } = featuresOf(inspected.inputs, registration);
  const signature = {
    inputs: inspected.inputs,
    outputs: labelledOutputs(inspected.outputs, registration.classLabels),
    features: features.map((feature) => ({
      ...feature,
      ...(inspected.nullable?.get(feature.input)?.[feature.column] && { nullable: true as const }),
    })),
  };
  try {
    await orDiscard(dependencies, artifact, () =>
      insertVersion(
        dependencies,
        registration,
        artifact,
        { ...inspected, signature, warnings: [...inspected.warnings, ...warnings] },
        origin,
      ),
    );
  } catch (error) {
    // Another process registered it meanwhile: judge its record as if it had been there before.
    const winner = isUniqueViolation(error) ? await readVersion(database, modelId, version) : undefined;
    if (winner === undefined) throw error;
    requireSame(winner, artifact, registration);
    return { record: winner, created: false };
  }
  // Another call that was refused with the same bytes may have discarded them before this one's record was there.
  if (!(await artifacts.isPresent(artifact))) await artifacts.add(file, signal);
  const record = await readVersion(database, modelId, version);
  if (record === undefined) throw new Error(`${modelId} ${version} vanished after it was registered`);
  return { record, created: true };
}

/** By the names the caller gave, else by those that came with the file, unless they do not fit. */
function featuresOf(
  inputs: readonly TensorSpec[],
  { featureNames, suggestedFeatureNames: suggested }: Registration,
): ReturnType<typeof deriveFeatures> {
  if (featureNames !== undefined || suggested === undefined) return deriveFeatures(inputs, featureNames);
  // Inputs of one column each have their names in the graph, perhaps in another order.
  if (inputs.length === suggested.length && inputs.every(({ name }) => suggested.includes(name)))
    return deriveFeatures(inputs, undefined);
  try {
    return deriveFeatures(inputs, suggested);
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    const { features, warnings } = deriveFeatures(inputs, undefined);
    return {
      features,
      warnings: [...warnings, `The names that came with the model do not fit: ${error.message}`],
    };
  }
}

async function readVersion(
  database: Database,
  modelId: string,
  version: string,
): Promise<VersionRecord | undefined> {
  const row = await database
    .selectFrom('versions')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row === undefined ? undefined : versionRecord(row);
}

async function localFile(source: string, allowedRoots: readonly string[]): Promise<string> {
  if (/^(runs|models):/.test(source))
    throw new ModelYardError(
      'MLFLOW_UNAVAILABLE',
      `${source} is in MLflow, and this server knows none.`,
      'Start the server with MLFLOW_TRACKING_URI, or download the ONNX file and give its path as source.',
    );
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source))
    throw new ModelYardError(
      'INVALID_INPUT',
      `source=${source} is a URL; only files on this machine can be registered.`,
      'Download the ONNX file and give its path.',
    );
  return readableFile(source, allowedRoots);
}

async function requireParent(database: Database, registration: Registration): Promise<void> {
  const { modelId, parentVersion } = registration;
  if (parentVersion === undefined) return;
  const parent = parseReference(parentVersion, modelId);
  try {
    await findVersion(database, parent.modelId, parent.version);
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    throw new ModelYardError(
      'VERSION_NOT_FOUND',
      `parent_version=${parentVersion} is not registered: ${error.message}`,
      `Register the parent first, or leave parent_version out. ${error.hint}`,
    );
  }
}

/** What makes a file useless as a version's artifact, whoever gives it. */
const useless: readonly string[] = ['ARTIFACT_INVALID', 'VERSION_EXISTS'];

/** Runs a check; the bytes of a file that does not pass are not kept, unless a version has them. */
async function orDiscard<T>(
  { database, artifacts }: RegisterDependencies,
  artifact: Artifact,
  check: () => Promise<T>,
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof ModelYardError && useless.includes(error.code)) {
      const used = await database
        .selectFrom('versions')
        .select('version')
        .where('artifact_sha256', '=', artifact.sha256)
        .limit(1)
        .executeTakeFirst();
      if (used === undefined) await artifacts.discard(artifact);
    }
    throw error;
  }
}

/** A version's bytes, feature names and class labels never change. */
function requireSame(existing: VersionRecord, artifact: Artifact, registration: Registration): void {
  const { featureNames, classLabels } = registration;
  const names = existing.signature.features.map((feature) => feature.name);
  const difference =
    existing.artifact.sha256 !== artifact.sha256
      ? `other bytes (SHA-256 ${existing.artifact.sha256.slice(0, 12)}…, this file has ${artifact.sha256.slice(0, 12)}…)`
      : featureNames !== undefined && !sameList(featureNames, names)
        ? `other feature_names (${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''})`
        : classLabels !== undefined && !sameList(classLabels, existing.classLabels ?? [])
          ? `other class_labels (${existing.classLabels?.join(', ') ?? 'none'})`
          : undefined;
  if (difference === undefined) return;
  throw new ModelYardError(
    'VERSION_EXISTS',
    `${existing.modelId} ${existing.version} is registered already with ${difference}.`,
    'A version is immutable: register this model under a new version.',
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

async function insertVersion(
  dependencies: RegisterDependencies,
  registration: Registration,
  artifact: Artifact,
  inspected: ModelOrigin & { signature: Signature; warnings: string[] },
  origin: Origin,
): Promise<void> {
  const { modelId, version } = registration;
  const { signature, producer, opsets, warnings } = inspected;
  const key = { model_id: modelId, version };
  const described = {
    author: registration.author ?? null,
    framework: registration.framework ?? null,
    algorithm: registration.algorithm ?? null,
    description: registration.description ?? null,
  };
  const classLabels = registration.classLabels ?? classesOf(signature.outputs);
  await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    await transaction
      .insertInto('models')
      .values({ model_id: modelId, created_at: at, revision: await lastRevision(transaction, modelId) })
      .onConflict((conflict) => conflict.column('model_id').doNothing())
      .execute();
    await requireFreeName(transaction, modelId, version);
    const number = await nextNumber(transaction);
    await transaction
      .insertInto('versions')
      .values({
        ...key,
        number,
        stage: 'development',
        created_at: at,
        created_by: nameOf(origin.caller),
        source: registration.source,
        artifact_sha256: artifact.sha256,
        artifact_bytes: artifact.bytes,
        signature: JSON.stringify(signature),
        class_labels: classLabels === undefined ? null : JSON.stringify(classLabels),
        ...described,
        producer,
        opsets: opsets.length === 0 ? null : JSON.stringify(Object.fromEntries(opsets)),
        search_text: searchText({ modelId, version, tags: registration.tags ?? {}, ...described }),
        hyperparameters:
          registration.hyperparameters === undefined ? null : JSON.stringify(registration.hyperparameters),
        warnings: JSON.stringify(warnings),
      })
      .execute();
    const metrics = Object.entries(registration.metrics ?? {}).map(([name, value]) => ({
      number,
      name,
      value,
    }));
    if (metrics.length > 0) await transaction.insertInto('version_metrics').values(metrics).execute();
    const tags = Object.entries(registration.tags ?? {}).map(([name, value]) => ({ number, name, value }));
    if (tags.length > 0) await transaction.insertInto('version_tags').values(tags).execute();
    if (registration.parentVersion !== undefined)
      await writeParents(transaction, { modelId, version }, [registration.parentVersion]);
    await registration.also?.(transaction);
    return {
      result: undefined,
      before: undefined,
      after: { stage: 'development', artifact_sha256: artifact.sha256, source: registration.source },
    };
  });
}

/** Registrations of all models follow one another from here on: no two get the same number. */
async function nextNumber(transaction: Transaction<Tables>): Promise<number> {
  await lockTrail(transaction);
  const { last } = await transaction
    .selectFrom('versions')
    .select((eb) => eb.fn.max('number').as('last'))
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}

/** Above those of a model of this name that was deleted: its history goes on. */
async function lastRevision(transaction: Transaction<Tables>, modelId: string): Promise<number> {
  const { last } = await transaction
    .selectFrom('stage_transitions')
    .select((eb) => eb.fn.max('revision').as('last'))
    .where('model_id', '=', modelId)
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}
