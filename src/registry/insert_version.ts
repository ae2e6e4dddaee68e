import type { Transaction } from 'kysely';
import { lockTrail } from '../access/audit.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import type { Artifact } from '../storage/artifact.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { requireFreeName } from './aliases.ts';
import { classesOf } from './class_labels.ts';
import { writeParents } from './lineage.ts';
import type { ModelOrigin } from './model_inspector.ts';
import type { Registration } from './registration.ts';
import { searchText } from './search_text.ts';
import type { Signature } from './signature.ts';

/** Thrown when an artifact was removed before the version that it is for could be written. */
export class ArtifactReleased extends Error {}

/** Writes a new version, its metrics, tags and parent, and its model where that is new, in one transaction. @throws ArtifactReleased */
export async function insertVersion(
  dependencies: { database: Database; artifacts: Pick<ArtifactStore, 'isPresent'>; clock: () => number },
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
    // Whoever removes artifacts takes the trail first: from here on this one stays.
    if (!(await dependencies.artifacts.isPresent(artifact))) throw new ArtifactReleased();
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

/** Serialises registrations of all models, so that no two versions get the same number. */
async function nextNumber(transaction: Transaction<Tables>): Promise<number> {
  await lockTrail(transaction);
  const { last } = await transaction
    .selectFrom('versions')
    .select((eb) => eb.fn.max('number').as('last'))
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}

/** Above the revisions of a deleted model with this name, whose history continues. */
async function lastRevision(transaction: Transaction<Tables>, modelId: string): Promise<number> {
  const { last } = await transaction
    .selectFrom('stage_transitions')
    .select((eb) => eb.fn.max('revision').as('last'))
    .where('model_id', '=', modelId)
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}
