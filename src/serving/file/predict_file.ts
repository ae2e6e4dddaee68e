import { extname, resolve } from 'node:path';
import type { Origin } from '../../access/origin.ts';
import { ModelYardError } from '../../errors.ts';
import {
  type FileRoots,
  holdWritable,
  type OpenedFile,
  openReadable,
  uploadNameIn,
} from '../../files/file_access.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { createOutputFile, notWritable, type OutputFile } from '../../storage/output_file.ts';
import { type FileFormat, formatOf } from '../../tables/formats.ts';
import { withTable } from '../../tables/open_table.ts';
import type { ColumnMapping, Table } from '../../tables/table.ts';
import type { CallerIds } from '../caller_ids.ts';
import { didYouMean, listed } from '../codec/records.ts';
import type { BlockLog, PredictionSink } from '../prediction_sink.ts';
import { answerFile, type FileCounts } from './answer_file.ts';
import { chooseFileModel, type FileModel, type FileModelDependencies } from './file_model.ts';
import { isResultColumn, idColumn as ownIdColumn } from './result_columns.ts';

interface FileRequest {
  modelId: string;
  /** Pins the version; otherwise the active one answers the whole file. */
  version?: string | undefined;
  /** Only these outputs; undefined: all. */
  outputs?: readonly string[] | undefined;
  inputPath: string;
  /** Default: `NAME.predictions.EXTENSION` beside the input. */
  outputPath?: string | undefined;
  /** The column with the entity key of each row; kept in the log. */
  entityColumn?: string | undefined;
  /** The column with the caller's own prediction ids. */
  idColumn?: string | undefined;
  /** The column with the actual values (ground truth), with which predictions are compared. */
  outcomeColumn?: string | undefined;
  log: boolean;
  /** Who asks: an output in the store is uploaded by them. */
  origin: Origin;
}

interface FileReport extends FileCounts {
  version: string;
  route: FileModel['route'];
  /** As the caller named it; of this machine: absolute. */
  outputPath: string;
  seconds: number;
}

export interface FileDependencies extends FileModelDependencies, FileRoots {
  sink: Pick<PredictionSink, 'append'> & BlockLog;
  callerIds: CallerIds;
  /** The registry's directory: no output goes there. */
  directory: string;
  /** Begins a file in the store, which a path gives as `upload:NAME`. @throws INVALID_INPUT when the name is taken */
  createUpload(name: string, origin: Origin): Promise<OutputFile>;
  clock: () => number;
}

export interface FilePredictor {
  /**
   * Answers the rows of a file with a version that is chosen once, and writes them with their predictions to a new
   * file of the same format, which appears whole when all are answered. A row that fails is written with its error.
   * @param progress told how much of the input is done, at most four times a second.
   * @throws INVALID_INPUT, PATH_NOT_ALLOWED, SIGNATURE_MISMATCH (features without a column), MODEL_NOT_FOUND,
   *   VERSION_NOT_FOUND, NOT_DEPLOYED; what stops it later: TIMEOUT, ENGINE_CRASHED, CIRCUIT_OPEN, LIMIT_EXCEEDED,
   *   STORAGE_UNAVAILABLE, CANCELLED. Then no file is left; rows that were answered stay in the log.
   */
  predict(request: FileRequest, progress: Progress, signal: AbortSignal): Promise<FileReport>;
  /** Stops what is under way and waits until its unfinished files are gone. */
  close(): Promise<void>;
}
type Progress = (done: number, total: number, message: string) => void;

export function createFilePredictor(dependencies: FileDependencies): FilePredictor {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  return {
    async predict(request, progress, signal) {
      const answered = predictFile(
        dependencies,
        request,
        progress,
        AbortSignal.any([signal, closing.signal]),
      );
      running.add(answered);
      try {
        return await answered;
      } finally {
        running.delete(answered);
      }
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
    },
  };
}

async function predictFile(
  dependencies: FileDependencies,
  request: FileRequest,
  progress: Progress,
  signal: AbortSignal,
): Promise<FileReport> {
  const { inputPath, outputPath = defaultOutputPath(inputPath) } = request;
  requireSameFormat(formatOf(inputPath), inputPath, outputPath);
  const input = await openReadable(inputPath, dependencies);
  try {
    return await answerOpened(dependencies, request, input, outputPath, progress, signal);
  } finally {
    await input.close();
  }
}

async function answerOpened(
  dependencies: FileDependencies,
  request: FileRequest,
  input: OpenedFile,
  outputPath: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<FileReport> {
  const started = performance.now();
  const { inputPath } = request;
  const format = formatOf(inputPath);
  const model = await chooseFileModel(dependencies, request.modelId, request.version, request.outputs);
  const output = await beginOutput(dependencies, outputPath, request.origin);
  const { bytes: size } = input;
  const report = throttled(progress, size);

  const warnings: string[] = [];
  const run = async <Carried>(table: Table<Carried>): Promise<FileCounts> => {
    if (table.unreadable.length > 0)
      warnings.push(
        `Columns of types that are not carried through are left out of the output: ${listed(table.unreadable.map(({ name, type }) => `${name} (${type})`))}.`,
      );
    const mapping = mapColumns(table.columns, model.record, request);
    const file = await output.create();
    try {
      const counts = await answerFile({
        table,
        mapping,
        model,
        sink: request.log ? dependencies.sink : undefined,
        callerIds: request.idColumn === undefined ? undefined : dependencies.callerIds,
        output: file.handle,
        clock: dependencies.clock,
        progress: report,
        signal,
      });
      if (counts.rows === 0)
        throw new ModelYardError('INVALID_INPUT', `${inputPath} has no rows.`, 'Give a file with rows.');
      signal.throwIfAborted();
      await file.commit();
      progress(size, size, `${counts.rows} rows answered`);
      return counts;
    } catch (error) {
      if (signal.aborted) throw cancelled();
      throw notWritable(outputPath, error);
    } finally {
      await file.discard();
    }
  };
  const counts = await withTable({ format, path: input.fd, shownPath: inputPath, bytes: size }, run).finally(
    output.close,
  );
  return {
    ...counts,
    version: model.record.version,
    route: model.route,
    outputPath: uploadNameIn(outputPath) === undefined ? resolve(outputPath) : outputPath,
    seconds: (performance.now() - started) / 1000,
    warnings: [...counts.warnings, ...warnings],
  };
}

/** Where the result goes is known before rows are answered. */
interface Output {
  create(): Promise<OutputFile>;
  close(): Promise<void>;
}

async function beginOutput(
  dependencies: FileDependencies,
  outputPath: string,
  origin: Origin,
): Promise<Output> {
  const name = uploadNameIn(outputPath);
  if (name !== undefined) {
    const file = await dependencies.createUpload(name, origin);
    return { create: async () => file, close: file.discard };
  }
  const { directory } = dependencies;
  const { file, check, close } = await holdWritable(outputPath, dependencies, directory);
  return { create: () => createOutputFile(file, outputPath, { check, directory }), close };
}

function defaultOutputPath(inputPath: string): string {
  const extension = extname(inputPath);
  return `${inputPath.slice(0, inputPath.length - extension.length)}.predictions${extension}`;
}

function requireSameFormat(format: FileFormat, inputPath: string, outputPath: string): void {
  if (resolve(inputPath) === resolve(outputPath))
    throw new ModelYardError(
      'INVALID_INPUT',
      'output_path is the input itself, which is not overwritten.',
      'Name another output_path, or leave it out.',
    );
  if (formatOf(outputPath) !== format)
    throw new ModelYardError(
      'INVALID_INPUT',
      `output_path ${outputPath} is not of the input's format: the output has the same as the input.`,
      `Name a file that ends in ${extname(inputPath)}.`,
    );
}

/** @throws SIGNATURE_MISMATCH listing features without a column; INVALID_INPUT for other columns that do not fit */
function mapColumns(
  columns: readonly string[],
  { signature }: VersionRecord,
  { inputPath, entityColumn, outcomeColumn, idColumn, log }: FileRequest,
): ColumnMapping {
  const { features } = signature;
  if (features.length === 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      'This model has no named features, so the rows of a file cannot be its inputs.',
      'Call predict with `tensors`; get_model shows the inputs.',
    );
  const missing = features.filter(({ name }) => !columns.includes(name)).map(({ name }) => name);
  if (missing.length > 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${inputPath} has no column for ${missing.length} of ${features.length} features: ${listed(missing)}.`,
      `${didYouMean(
        columns.filter((column) => !features.some(({ name }) => name === column)).slice(0, 1000),
        missing,
      )}Its columns: ${listed(columns)}. Rename them as the features are called.`,
    );
  for (const [argument, column] of Object.entries({
    entity_column: entityColumn,
    outcome_column: outcomeColumn,
    id_column: idColumn,
  }))
    if (column !== undefined && !columns.includes(column))
      throw new ModelYardError(
        'INVALID_INPUT',
        `${argument}: ${inputPath} has no column "${column}".`,
        `Name one of its columns: ${listed(columns)}.`,
      );
  if (idColumn !== undefined && !log)
    throw new ModelYardError(
      'INVALID_INPUT',
      'id_column was given with log: false, but the ids are those of logged predictions.',
      'Leave one of them out.',
    );
  // The output's prediction_id is the input's then.
  const taken = columns.find((name) => isResultColumn(name) && !(name === ownIdColumn && name === idColumn));
  if (taken !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${inputPath} has a column "${taken}", which the output needs for its own.`,
      'Rename or remove it; perhaps the file is an output of predict_file already.',
    );
  return { features, entityColumn, outcomeColumn, others: idColumn === undefined ? [] : [idColumn] };
}

const progressIntervalMs = 250;

function throttled(progress: Progress, total: number): (position: number, rows: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (position, rows) => {
    const now = performance.now();
    if (now - last < progressIntervalMs) return;
    last = now;
    progress(position, total, `${rows} rows answered`);
  };
}

function cancelled(): ModelYardError {
  return new ModelYardError(
    'CANCELLED',
    'The call was cancelled.',
    'No file was written; rows that were answered before are in the prediction log. Call again for the whole file.',
  );
}
