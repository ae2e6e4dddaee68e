import { storedVersion } from '../registry/lookup.ts';
import { parseTags } from '../registry/update.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';

/** A version as far as MLflow is told about it. */
export interface OurVersion {
  record: VersionRecord;
  tags: ReadonlyMap<string, string>;
  metrics: ReadonlyMap<string, number>;
  /** MLflow's number, once known. */
  number: number | undefined;
}

export interface OurModel {
  modelId: string;
  description: string | null;
  tags: ReadonlyMap<string, string>;
  /** The oldest first, without those of which what is stored is damaged. */
  versions: OurVersion[];
  /** Versions that cannot be sent, and why; nothing in MLflow is changed for them. */
  damaged: { version: string; why: string }[];
  /** Alias to version: given aliases, and those for stages. */
  aliases: ReadonlyMap<string, string>;
  /** Versions that were deleted here, with their number in MLflow. */
  deleted: { version: string; number: number }[];
}

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
  const read = rows.map((row) => ({ version: row.version, stored: storedVersion(row) }));
  const records = read.flatMap(({ stored }) => ('record' in stored ? [stored.record] : []));
  const stageOf = new Map(rows.map(({ version, stage }) => [version, stage]));
  const production = rows.find(({ stage }) => stage === 'production');
  // Several versions may be in staging: the alias is for the latest.
  const staging = staged.findLast(({ version }) => stageOf.get(version) === 'staging');
  return {
    modelId,
    description: model?.description ?? null,
    tags: new Map(Object.entries(parseTags(modelId, model?.tags ?? null))),
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
    damaged: read.flatMap(({ version, stored }) =>
      'damage' in stored ? [{ version, why: `${stored.damage.message} ${stored.damage.hint}` }] : [],
    ),
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
