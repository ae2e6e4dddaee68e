import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelYardError, messageOf } from '../errors.ts';
import { type Piece, wholeModel } from '../serving/graph/external_tensors.ts';
import { writePieces } from '../serving/graph/whole_file.ts';
import type { ArtifactFolder, FolderEntry } from './artifact_folder.ts';
import type { MlModel } from './mlmodel.ts';

export interface DownloadOptions {
  /** An existing directory for the files, which the caller removes. */
  directory: string;
  maxBytes: number;
  progress(receivedBytes: number, totalBytes: number): void;
}

export interface DownloadedModel {
  /** One ONNX file with its tensors inside. */
  file: string;
  /** undefined: the address named an ONNX file itself. */
  description: MlModel | undefined;
}

const maxDescriptionBytes = 5e6;

/**
 * Brings an ONNX model from a directory that MLflow wrote (or the .onnx file itself) here: first the file MLmodel,
 * which says what is what, then the model with the files that its tensors are in.
 * @throws INVALID_INPUT when there is nothing; ARTIFACT_INVALID; LIMIT_EXCEEDED; MlflowError; CANCELLED
 */
export async function downloadModel(
  folder: ArtifactFolder,
  path: string,
  options: DownloadOptions,
): Promise<DownloadedModel> {
  const entries = await folder.list(path);
  if (!entries.some((entry) => entry.name === 'MLmodel' && !entry.isDirectory))
    return { file: await downloadBareFile(folder, path, entries, options), description: undefined };
  const text = await readSmall(folder, below(path, 'MLmodel'));
  // Only now: a reader of YAML is as large as a room, and most servers import nothing.
  const { readMlModel } = await import('./mlmodel.ts');
  const description = readMlModel(text);
  const parts = description.data.split('/');
  const home = below(path, parts.slice(0, -1).join('/'));
  const beside = parts.length === 1 ? entries : await folder.list(home);
  const main = beside.find((entry) => entry.name === parts.at(-1) && !entry.isDirectory);
  if (main === undefined)
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `MLmodel names ${description.data}, which is not among the model's files.`,
      'Log the model again with mlflow.onnx.log_model.',
    );
  return { file: await download(folder, home, main, beside, options), description };
}

async function downloadBareFile(
  folder: ArtifactFolder,
  path: string,
  entries: readonly FolderEntry[],
  options: DownloadOptions,
): Promise<string> {
  const home = path.split('/').slice(0, -1).join('/');
  const beside = entries.length > 0 || path === '' ? [] : await folder.list(home);
  const file = beside.find((entry) => entry.name === path.split('/').at(-1) && !entry.isDirectory);
  if (file !== undefined) return download(folder, home, file, beside, options);
  throw new ModelYardError(
    'INVALID_INPUT',
    entries.length === 0
      ? 'MLflow has no artifact there.'
      : `There is no file MLmodel there, but: ${entries
          .map((entry) => entry.name)
          .join(', ')
          .slice(0, 200)}.`,
    'Name the directory that mlflow.onnx.log_model made, or an .onnx file.',
  );
}

async function download(
  folder: ArtifactFolder,
  home: string,
  main: FolderEntry,
  beside: readonly FolderEntry[],
  options: DownloadOptions,
): Promise<string> {
  const others = beside.filter((entry) => !entry.isDirectory && entry !== main && !isMetadata(entry.name));
  const needed = others.length === 0 ? [main] : [main, ...others];
  const total = needed.reduce((sum, entry) => sum + entry.bytes, 0);
  // Only the files that the model refers to are downloaded.
  if (main.bytes > options.maxBytes) throw tooLarge(options.maxBytes);
  let received = 0;
  let told = 0;
  // Progress is reported about a hundred times, not with every chunk.
  const tell = (least: number) => {
    if (received - told < least) return;
    told = received;
    options.progress(received, Math.max(total, received));
  };
  const bring = async (entry: FolderEntry, to: string) => {
    const target = await open(to, 'wx', 0o600);
    try {
      for await (const chunk of folder.read(below(home, entry.name))) {
        received += chunk.length;
        if (received > options.maxBytes) throw tooLarge(options.maxBytes);
        await target.writeFile(chunk);
        tell(total / 100);
      }
      tell(1);
    } finally {
      await target.close();
    }
  };
  const file = join(options.directory, 'model.onnx');
  await bring(main, file);
  if (others.length === 0) return file;
  const pieces = await piecesOf(file, others);
  if (pieces === undefined) return file;
  const locations = new Set(pieces.flatMap((piece) => ('location' in piece ? [piece.location] : [])));
  const paths = new Map<string, string>();
  for (const entry of others.filter(({ name }) => locations.has(name))) {
    const to = join(options.directory, `data-${paths.size}`);
    await bring(entry, to);
    paths.set(entry.name, to);
  }
  const whole = join(options.directory, 'whole.onnx');
  await writePieces(pieces, (location) => paths.get(location), whole, options.maxBytes);
  return whole;
}

async function piecesOf(file: string, others: readonly FolderEntry[]): Promise<Piece[] | undefined> {
  const lengths = new Map(others.map((entry) => [entry.name, entry.bytes]));
  try {
    return wholeModel(await readFile(file), (location) => lengths.get(location));
  } catch (error) {
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `The model in MLflow cannot be read: ${messageOf(error)}.`,
      'Log it again with mlflow.onnx.log_model.',
    );
  }
}

/** Whether it is a file that mlflow.onnx.log_model writes besides the model. */
function isMetadata(name: string): boolean {
  return /^(MLmodel|(python_env|conda|registered_model_meta)(\.ya?ml)?|requirements\.txt|constraints\.txt|(serving_)?input_example.*)$/.test(
    name,
  );
}

async function readSmall(folder: ArtifactFolder, path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of folder.read(path)) {
    bytes += chunk.length;
    if (bytes > maxDescriptionBytes) throw tooLarge(maxDescriptionBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function below(path: string, name: string): string {
  return path === '' || name === '' ? path + name : `${path}/${name}`;
}

function tooLarge(maxBytes: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model in MLflow is larger than ${Math.round(maxBytes / 1e6)} MB.`,
    'Use a smaller model, or start the server with a higher MODELYARD_MAX_ARTIFACT_MB.',
  );
}
