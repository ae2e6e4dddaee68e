import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelYardError, messageOf } from '../errors.ts';
import type { TensorSpec } from '../registry/signature.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { readArtifact } from '../serving/engine/read_artifact.ts';
import { engineGraph } from '../serving/graph/engine_graph.ts';
import { tritonTypes, untellable } from '../serving/remote/triton_tensors.ts';
import { damagedArtifact } from '../storage/artifact.ts';
import { renameFile } from '../storage/rename_file.ts';

/** A file of a model repository, by its path in it. */
export interface RepositoryFile {
  path: string;
  content: Uint8Array | string;
}

/**
 * A version as a model repository of Triton: `MODEL/config.pbtxt` and `MODEL/N/model.onnx`, with its tensors beside that where
 * they are not in it. The graph is the one that ModelYard serves, so answers are the same. N is the version's name where that
 * is a number, else 1: clients that name a version find it.
 * @param path of the artifact
 * @throws ARTIFACT_MISMATCH; ARTIFACT_INVALID for a graph that cannot be served; INVALID_INPUT for a tensor that a
 *   configuration cannot say
 */
export function tritonRepository(record: VersionRecord, path: string): RepositoryFile[] {
  const { modelId, signature, artifact } = record;
  const stored = readArtifact(path, artifact.sha256);
  if (stored === undefined) throw damagedArtifact(artifact.sha256, !existsSync(path));
  const beside = stored.tensors ?? [];
  const directory = `${modelId}/${tritonVersion(record.version)}`;
  return [
    { path: `${directory}/model.onnx`, content: servedGraph(stored.model, stored.tensors !== undefined) },
    ...beside.map((tensors) => ({ path: `${directory}/${tensors.path}`, content: tensors.data })),
    { path: `${modelId}/config.pbtxt`, content: tritonConfiguration(modelId, signature) },
  ];
}

function servedGraph(model: Uint8Array, isPacked: boolean): Uint8Array {
  try {
    return engineGraph(model, { isPacked }).bytes;
  } catch (error) {
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `The model cannot be served: ${messageOf(error)}.`,
      'Export it again, and register it as a new version.',
      { cause: error },
    );
  }
}

/** Triton's versions are the numbers from 1 on; of several it serves the largest. */
export function tritonVersion(version: string): string {
  return /^[1-9]\d{0,17}$/.test(version) ? version : '1';
}

/** Triton's configuration of an ONNX model, in protobuf's text format. Calls keep their shape: Triton joins none. */
export function tritonConfiguration(
  modelId: string,
  { inputs, outputs }: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] },
): string {
  const lines = [
    `name: ${quoted(modelId)}`,
    'backend: "onnxruntime"',
    'max_batch_size: 0',
    ...inputs.map((spec) => `input { ${tensorOf(spec)} }`),
    ...outputs.map((spec) => `output { ${tensorOf(spec)} }`),
  ];
  return `${lines.join('\n')}\n`;
}

function tensorOf(spec: TensorSpec): string {
  const problem = untellable(spec);
  if (problem !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${problem}, which a configuration of Triton cannot say.`,
      'Serve this model with modelyard serve.',
    );
  const { name, datatype, shape } = spec;
  return `name: ${quoted(name)} data_type: ${tritonTypes[datatype]} dims: [ ${shape.join(', ')} ]`;
}

/** As protobuf's text format has it: what is not plain ASCII goes byte by byte. */
function quoted(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\${byte.toString(8).padStart(3, '0')}`
      : String.fromCharCode(byte),
  );
  return `"${bytes.join('')}"`;
}

/** Writes files below a folder that is made for them, gives it to `use` and removes it. */
export async function inFolder<T>(
  parent: string,
  files: readonly RepositoryFile[],
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(parent, '.modelyard-export-'));
  try {
    for (const { path, content } of files) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Puts a model into a repository on this machine, whole or not at all.
 * @throws INVALID_INPUT where the folder is missing, or has the model already and it must not be replaced
 */
export async function writeRepository(
  repository: string,
  modelId: string,
  files: readonly RepositoryFile[],
  replace: boolean,
): Promise<void> {
  if (!existsSync(repository))
    throw new ModelYardError(
      'INVALID_INPUT',
      `There is no folder ${repository}.`,
      'Make it, or name another.',
    );
  const target = join(repository, modelId);
  if (existsSync(target) && !replace)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${target} exists already.`,
      'Name another folder, or replace it with --force.',
    );
  await inFolder(repository, files, async (folder) => {
    await rm(target, { recursive: true, force: true });
    await renameFile(join(folder, modelId), target);
  });
}
