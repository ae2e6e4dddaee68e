import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelYardError, systemCodeOf } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { ownedName } from '../../storage/owned_name.ts';
import { renameFile } from '../../storage/rename_file.ts';
import type { ServedFiles } from './served_files.ts';

/**
 * Writes a model as MLServer reads it: `<folder>/<name>/model.onnx`, and last its `model-settings.json`. Each file is there
 * as a whole or not at all, and the same whoever writes it, so that several processes may write at once.
 * @throws STORAGE_UNAVAILABLE where the folder cannot be written
 */
export async function writeToFolder(
  { folder, implementation }: { folder: string; implementation: string },
  name: string,
  model: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] },
  files: ServedFiles['files'],
): Promise<void> {
  const settings = {
    name,
    implementation,
    platform: 'onnx_onnxv1',
    parameters: { uri: './model.onnx' },
    inputs: model.inputs.map(described),
    outputs: model.outputs.map(described),
  };
  const directory = join(folder, name);
  try {
    await mkdir(directory, { recursive: true });
    // The tensors first, then the graph that names them, then what makes it a model.
    for (const file of files.toReversed()) await writeWhole(directory, file.name, file.bytes);
    await writeWhole(directory, 'model-settings.json', Buffer.from(`${JSON.stringify(settings, null, 2)}\n`));
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** Removes a model from the folder; one that is not there is removed. @throws STORAGE_UNAVAILABLE */
export async function removeFromFolder(folder: string, name: string): Promise<void> {
  const directory = join(folder, name);
  try {
    // First what makes it a model, so that nothing half is found.
    await rm(join(directory, 'model-settings.json'), { force: true });
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    throw unwritable(folder, error);
  }
}

async function writeWhole(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(directory, `.${ownedName()}`);
  try {
    await writeFile(temporary, bytes);
    await renameFile(temporary, join(directory, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function described({ name, datatype, shape }: TensorSpec) {
  return { name, datatype, shape };
}

function unwritable(folder: string, error: unknown): ModelYardError {
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The folder ${folder} of an engine cannot be written (${systemCodeOf(error) ?? 'unknown'}).`,
    'Free space or check its permissions, then try again.',
    { cause: error },
  );
}
