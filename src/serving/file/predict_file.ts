import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { readableFile, writableFile } from '../../access/file_access.ts';
import { ModelYardError } from '../../errors.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { createOutputFile, notWritable } from '../../storage/output_file.ts';
import type { PredictionSink } from '../prediction_sink.ts';
import { answerFile, type FileCounts } from './answer_file.ts';
import { chooseFileModel, type FileModel, type FileModelDependencies } from './file_model.ts';
import { type FileFormat, formatOf } from './formats.ts';
import { withTable } from './open_table.ts';
import { isResultColumn } from './result_columns.ts';
import type { ColumnMapping, Table } from './table.ts';

export interface FileRequest {
  modelId: string;
  /** Pins the version; otherwise the active one answers the whole file. */
  version?: string | undefined;
  inputPath: string;
  /** Default: `NAME.predictions.EXTENSION` beside the input. */
  outputPath?: string | undefined;
  /** The column that says whom a row is about; kept in the log. */
  entityColumn?: string | undefined;
  /** The column with what really was; predictions are compared with it. */
  outcomeColumn?: string | undefined;
  log: boolean;
}

export interface FileReport extends FileCounts {
  version: string;
  route: FileModel['route'];
  /** Absolute, as the caller named it. */
  outputPath: string;
  seconds: number;
}

export interface FileDependencies extends FileModelDependencies {
  sink: PredictionSink;
  allowedRoots: readonly string[];
  /** The registry's directory: no output goes there. */
  directory: string;
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
  const { allowedRoots, directory } = dependencies;
  const started = performance.now();
  const { inputPath, outputPath = defaultOutputPath(inputPath) } = request;
  const format = formatOf(inputPath);
  requireSameFormat(format, inputPath, outputPath);
  const input = await readableFile(inputPath, allowedRoots);
  const model = await chooseFileModel(dependencies, request.modelId, request.version);
  const output = await writableFile(outputPath, allowedRoots, directory);
  const { size } = await stat(input);
  const report = throttled(progress, size);

  const run = async <Carried>(table: Table<Carried>): Promise<FileCounts> => {
    const mapping = mapColumns(table.columns, model.record, request);
    const file = await createOutputFile(output, outputPath);
    try {
      const counts = await answerFile({
        table,
        mapping,
        model,
        sink: request.log ? dependencies.sink : undefined,
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
  const counts = await withTable({ format, path: input, shownPath: inputPath, bytes: size }, run);
  return {
    ...counts,
    version: model.record.version,
    route: model.route,
    outputPath: resolve(outputPath),
    seconds: (performance.now() - started) / 1000,
  };
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
  { inputPath, entityColumn, outcomeColumn }: FileRequest,
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
      `Its columns: ${listed(columns)}.`,
    );
  for (const [argument, column] of Object.entries({
    entity_column: entityColumn,
    outcome_column: outcomeColumn,
  }))
    if (column !== undefined && !columns.includes(column))
      throw new ModelYardError(
        'INVALID_INPUT',
        `${argument}: ${inputPath} has no column "${column}".`,
        `Its columns: ${listed(columns)}.`,
      );
  const taken = columns.find(isResultColumn);
  if (taken !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${inputPath} has a column "${taken}", which the output needs for its own.`,
      'Rename or remove it; perhaps the file is an output of predict_file already.',
    );
  return { features, entityColumn, outcomeColumn };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 40).map((name) => (name.length > 80 ? `${name.slice(0, 80)}…` : name));
  return shown.join(', ') + (names.length > 40 ? ` and ${names.length - 40} more` : '');
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
    'No file was written. Rows that were answered before are in the prediction log.',
  );
}
