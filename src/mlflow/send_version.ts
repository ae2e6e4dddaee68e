import { existsSync } from 'node:fs';
import { packedDataName, packedParts } from '../serving/graph/packed_model.ts';
import { tailOf } from '../serving/graph/whole_file.ts';
import { damagedArtifact, hashOf } from '../storage/artifact.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import { artifactFolder } from './artifact_folder.ts';
import type { Connection } from './connection.ts';
import { describeForMlflow } from './export_model.ts';
import { MlflowError } from './mlflow_error.ts';
import { pagesOf } from './plan_facts.ts';
import { ownTag, versionKey } from './plan_sync.ts';
import type { OurVersion } from './registry_state.ts';
import type { Batch, Rest } from './rest.ts';
import type { Run } from './rest_answers.ts';
import { runFacts } from './run_facts.ts';

export interface SendDependencies {
  connection: Connection;
  rest: Rest;
  artifacts: ArtifactStore;
  storeId: string;
  /** The experiment that the runs of versions belong to. */
  experiment: string;
  signal: AbortSignal;
}

/** Where a version's directory lies in its run. */
const folderName = 'model';

/**
 * Makes a version in MLflow: a run with its metrics and hyperparameters, in the run the directory that MLflow's own
 * ONNX flavor would have made, and the registered version that points to it. Whatever a broken-off attempt left is
 * found by its key and used.
 * @throws MlflowError; ARTIFACT_MISMATCH when the artifact is damaged
 */
export async function sendVersion(
  dependencies: SendDependencies,
  version: OurVersion,
): Promise<{ number: number; runId: string }> {
  const { artifacts } = dependencies;
  const { record } = version;
  return artifacts.withFile(record.artifact, async (file) => {
    if ((await hashOf(file).catch(() => undefined)) !== record.artifact.sha256)
      throw damagedArtifact(record.artifact.sha256, !existsSync(file));
    return sendFile(dependencies, version, file);
  });
}

async function sendFile(
  dependencies: SendDependencies,
  version: OurVersion,
  file: string,
): Promise<{ number: number; runId: string }> {
  const { rest, storeId, connection, signal } = dependencies;
  const { record } = version;
  const run = await findOrCreateRun(dependencies, version);
  const { run_id: runId, artifact_uri } = run.info;
  for (const batch of batchesOf(version, run)) await rest.logBatch(runId, batch);
  const folder = artifactFolder(connection, artifact_uri, [], signal);
  const at = (name: string) => `${folderName}/${name}`;
  const models = await modelFiles(file, record.artifact.bytes);
  for (const [name, stretch] of models) await folder.write(at(name), stretch);
  const files = describeForMlflow(version, { runId, artifactPath: folderName }, record.createdAt);
  for (const [name, text] of files) await folder.write(at(name), { text });
  await requireArrived(folder, [
    ...models.map(([name, { bytes }]) => [name, bytes] as const),
    ...[...files].map(([name, text]) => [name, Buffer.byteLength(text)] as const),
  ]);
  await rest.endRun(runId, 'FINISHED', record.createdAt);
  const made = await rest.createVersion(record.modelId, {
    source: `${artifact_uri}/${folderName}`,
    runId,
    description: record.description ?? '',
    tags: {
      [ownTag.version]: record.version,
      [ownTag.stage]: record.stage,
      [ownTag.sha256]: record.artifact.sha256,
      [ownTag.key]: versionKey(storeId, version),
    },
  });
  return { number: made.version, runId };
}

async function findOrCreateRun(
  { rest, storeId, experiment }: SendDependencies,
  version: OurVersion,
): Promise<Run> {
  const { modelId, version: name, createdAt } = version.record;
  const key = versionKey(storeId, version);
  const [first, ...doubles] = await rest.runsTagged(experiment, ownTag.key, key);
  for (const double of doubles) await rest.deleteRun(double.info.run_id);
  return (
    first ??
    rest.createRun(experiment, `${modelId} ${name}`, createdAt, {
      [ownTag.key]: key,
      [ownTag.version]: name,
      'modelyard.model': modelId,
    })
  );
}

/**
 * What the run does not have yet: one that a broken-off attempt left says what was so then, and a parameter never
 * changes there.
 */
function batchesOf(version: OurVersion, { data }: Run): Batch[] {
  const facts = runFacts(version);
  const params = [...facts.params].filter(([name]) => !data.params.has(name));
  const metrics = [...facts.metrics]
    .filter(([name]) => !data.metrics.has(name))
    .map(([key, value]) => ({ key, value, timestamp: version.record.createdAt, step: 0 }));
  return [
    ...pagesOf(params).map((page) => ({ params: page })),
    ...pagesOf(metrics).map((page) => ({ metrics: page })),
  ];
}

/** The artifact as MLflow's ONNX flavor has it: a model whose tensors are packed behind its graph is two files. */
async function modelFiles(
  file: string,
  bytes: number,
): Promise<[name: string, stretch: { file: string; bytes: number; start?: number }][]> {
  const parts = packedParts(await tailOf(file, bytes), bytes);
  if (parts === undefined) return [['model.onnx', { file, bytes }]];
  const { graphBytes, dataBytes } = parts;
  return [
    ['model.onnx', { file, bytes: graphBytes }],
    [packedDataName, { file, bytes: dataBytes, start: graphBytes }],
  ];
}

/** A server that says yes and keeps nothing is believed by what it lists. */
async function requireArrived(
  folder: ReturnType<typeof artifactFolder>,
  files: readonly (readonly [string, number])[],
): Promise<void> {
  const there = new Map((await folder.list(folderName)).map(({ name, bytes }) => [name, bytes]));
  for (const [name, bytes] of files)
    if (there.get(name) !== bytes)
      throw new MlflowError(
        'fault',
        `MLflow took the file ${name} but lists it with ${there.get(name) ?? 'no'} bytes.`,
      );
}
