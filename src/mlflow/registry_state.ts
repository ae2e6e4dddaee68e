import { z } from 'zod';
import { type VersionRecord, versionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';

/** What the registry says of a version, as far as MLflow is told. */
export interface OurVersion {
  record: VersionRecord;
  tags: ReadonlyMap<string, string>;
  metrics: ReadonlyMap<string, number>;
  /** MLflow's number, once it has one. */
  number: number | undefined;
}

export interface OurModel {
  modelId: string;
  description: string | null;
  tags: ReadonlyMap<string, string>;
  /** The oldest first. */
  versions: OurVersion[];
  /** Alias to version: those that were given, and the stages'. */
  aliases: ReadonlyMap<string, string>;
  /** Versions that were deleted here, with the number that they have there. */
  deleted: { version: string; number: number }[];
}

const modelTags = z.record(z.string(), z.string());

/** Reads a model as it is now; undefined when there is none. */
export async function readRegistryModel(database: Database, modelId: string): Promise<OurModel | undefined> {
  const model = await database
    .selectFrom('models')
    .selectAll()
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  const rows = await database
    .selectFrom('versions')
    .selectAll()
    .where('model_id', '=', modelId)
    .orderBy('number')
    .execute();
  const numbers = await database
    .selectFrom('mlflow_versions')
    .select(['version', 'mlflow_version'])
    .where('model_id', '=', modelId)
    .execute();
  const tags = await database
    .selectFrom('version_tags')
    .innerJoin('versions', 'versions.number', 'version_tags.number')
    .select(['version', 'name', 'value'])
    .where('model_id', '=', modelId)
    .execute();
  const metrics = await database
    .selectFrom('version_metrics')
    .innerJoin('versions', 'versions.number', 'version_metrics.number')
    .select(['version', 'name', 'value'])
    .where('model_id', '=', modelId)
    .execute();
  const aliases = await database
    .selectFrom('aliases')
    .select(['alias', 'version'])
    .where('model_id', '=', modelId)
    .execute();
  const staged = await database
    .selectFrom('stage_transitions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('to_stage', '=', 'staging')
    .orderBy('at')
    .orderBy('transition_id')
    .execute();
  if (model === undefined && numbers.length === 0) return undefined;
  const records = rows.map(versionRecord);
  const stageOf = new Map(records.map((record) => [record.version, record.stage]));
  const production = records.find(({ stage }) => stage === 'production');
  // Several may be in staging: the alias goes with the last that came.
  const staging = staged.findLast(({ version }) => stageOf.get(version) === 'staging');
  return {
    modelId,
    description: model?.description ?? null,
    tags: new Map(Object.entries(model?.tags == null ? {} : modelTags.parse(JSON.parse(model.tags)))),
    versions: records.map((record) => ({
      record,
      tags: new Map(
        tags.filter(({ version }) => version === record.version).map(({ name, value }) => [name, value]),
      ),
      metrics: new Map(
        metrics.filter(({ version }) => version === record.version).map(({ name, value }) => [name, value]),
      ),
      number: numbers.find(({ version }) => version === record.version)?.mlflow_version,
    })),
    aliases: new Map([
      ...aliases.map(({ alias, version }) => [alias, version] as const),
      ...(staging === undefined ? [] : [['staging', staging.version] as const]),
      ...(production === undefined ? [] : [['production', production.version] as const]),
    ]),
    deleted: numbers
      .filter(({ version }) => !stageOf.has(version))
      .map(({ version, mlflow_version }) => ({ version, number: mlflow_version })),
  };
}
