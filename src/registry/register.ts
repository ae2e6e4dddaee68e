import type { Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { type OpenedFile, openReadable, type ReadableFiles } from '../files/file_access.ts';
import type { FileRef } from '../files/opened_file.ts';
import type { Artifact } from '../storage/artifact.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import { type Database, isUniqueViolation } from '../storage/database.ts';
import { quotedName } from '../stored_texts.ts';
import { requireFreeName } from './aliases.ts';
import { labelledOutputs } from './class_labels.ts';
import { collectGarbage } from './collect_garbage.ts';
import { ArtifactReleased, insertVersion } from './insert_version.ts';
import { parseReference } from './lineage.ts';
import { findVersionName } from './lookup.ts';
import type { ModelInspector } from './model_inspector.ts';
import type { Registration } from './registration.ts';
import { deriveFeatures, type TensorSpec } from './signature.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

export interface RegisterDependencies extends ReadableFiles {
  database: Database;
  artifacts: ArtifactStore;
  inspector: ModelInspector;
  clock: () => number;
}

/**
 * Registers a version in stage development: checks the path, copies the file (with the tensors that are in files
 * beside it) into the artifact store,
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
  const { file } = registration;
  if (file !== undefined) return registerFile(dependencies, registration, file, origin, signal);
  const opened = await localFile(registration.source, dependencies);
  try {
    const whole = await dependencies.inspector.wholeFile(opened, signal);
    try {
      return await registerFile(dependencies, registration, whole.file, origin, signal);
    } finally {
      await whole.remove();
    }
  } finally {
    await opened.close();
  }
}

/** Registers a file with its tensors inside. */
async function registerFile(
  dependencies: RegisterDependencies,
  registration: Registration,
  file: FileRef,
  origin: Origin,
  signal: AbortSignal | undefined,
): Promise<{ record: VersionRecord; created: boolean }> {
  const { database, artifacts } = dependencies;
  const { modelId, version } = registration;
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
    features: features.map((feature) => {
      const nullable = inspected.nullable?.get(feature.input)?.[feature.column];
      const missing = inspected.missingCategories?.get(feature.input)?.[feature.column] ?? null;
      return {
        ...feature,
        ...(nullable && { nullable: true as const }),
        ...(missing !== null && { missing_category: missing }),
      };
    }),
  };
  const described = { ...inspected, signature, warnings: [...inspected.warnings, ...warnings] };
  try {
    await orDiscard(dependencies, artifact, () =>
      insertPresent(dependencies, registration, artifact, described, origin, () =>
        artifacts.add(file, signal),
      ),
    );
  } catch (error) {
    // Another process registered it meanwhile: its record is treated as if it had been there before.
    const winner = isUniqueViolation(error) ? await readVersion(database, modelId, version) : undefined;
    if (winner === undefined) throw error;
    requireSame(winner, artifact, registration);
    return { record: winner, created: false };
  }
  const record = await readVersion(database, modelId, version);
  if (record === undefined) throw new Error(`${modelId} ${version} vanished after it was registered`);
  return { record, created: true };
}

/** Other calls with the same bytes that are refused discard them, until a version has them: then they are stored again. */
async function insertPresent(
  dependencies: RegisterDependencies,
  registration: Registration,
  artifact: Artifact,
  described: Parameters<typeof insertVersion>[3],
  origin: Origin,
  storeAgain: () => Promise<unknown>,
): Promise<void> {
  for (;;)
    try {
      return await insertVersion(dependencies, registration, artifact, described, origin);
    } catch (error) {
      if (!(error instanceof ArtifactReleased)) throw error;
      await storeAgain();
    }
}

/** Named by the caller, or else by the names that came with the file, unless they do not fit. */
function featuresOf(
  inputs: readonly TensorSpec[],
  { featureNames, suggestedFeatureNames: suggested }: Registration,
): ReturnType<typeof deriveFeatures> {
  if (featureNames !== undefined || suggested === undefined) return deriveFeatures(inputs, featureNames);
  // Inputs of one column have their names in the graph, perhaps in another order.
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

async function localFile(source: string, files: ReadableFiles): Promise<OpenedFile> {
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
  return openReadable(source, files);
}

async function requireParent(database: Database, registration: Registration): Promise<void> {
  const { modelId, parentVersion } = registration;
  if (parentVersion === undefined) return;
  const parent = parseReference(parentVersion, modelId);
  try {
    await findVersionName(database, parent.modelId, parent.version);
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    throw new ModelYardError(
      'VERSION_NOT_FOUND',
      `parent_version=${parentVersion} is not registered: ${error.message}`,
      `Register the parent first, or leave parent_version out. ${error.hint}`,
    );
  }
}

/** Errors that make a file useless as an artifact of any version. */
const useless: readonly string[] = ['ARTIFACT_INVALID', 'VERSION_EXISTS'];

/** Runs a check; when it fails, the file's bytes are discarded, unless a version refers to them. */
async function orDiscard<T>(
  dependencies: RegisterDependencies,
  artifact: Artifact,
  check: () => Promise<T>,
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof ModelYardError && useless.includes(error.code))
      await collectGarbage(dependencies, [artifact]);
    throw error;
  }
}

/** Refuses different bytes, feature names or class labels, which never change for a version. */
function requireSame(existing: VersionRecord, artifact: Artifact, registration: Registration): void {
  const { featureNames, classLabels } = registration;
  const names = existing.signature.features.map((feature) => feature.name);
  const difference =
    existing.artifact.sha256 !== artifact.sha256
      ? `other bytes (SHA-256 ${existing.artifact.sha256.slice(0, 12)}…, this file has ${artifact.sha256.slice(0, 12)}…)`
      : featureNames !== undefined && !sameList(featureNames, names)
        ? `other feature_names (${names.slice(0, 10).map(quotedName).join(', ')}${names.length > 10 ? ', …' : ''})`
        : classLabels !== undefined && !sameList(classLabels, existing.classLabels ?? [])
          ? `other class_labels (${existing.classLabels?.map(quotedName).join(', ') ?? 'none'})`
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
