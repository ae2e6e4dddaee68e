import { constants, setPriority } from 'node:os';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import {
  joinPredictions,
  type PredictionColumns,
  predictedValue,
  readPredictionColumns,
} from '../serving/codec/prediction_columns.ts';
import { type PredictedValue, type RowPrediction, readPredictions } from '../serving/codec/predictions.ts';
import { engineModel } from '../serving/deployed_version.ts';
import type { EngineModel } from '../serving/engine/engine.ts';
import {
  type HostSettings,
  type LoadedHost,
  runOn,
  startHost,
  timedRunOn,
  warmUp,
} from '../serving/engine/model_host.ts';
import type { NamedTensors } from '../serving/engine/protocol.ts';
import type { RowIndependence } from '../serving/graph/rows/row_independence.ts';
import { callSignature, fixedRows, runRows } from '../serving/run_rows.ts';
import { type FeatureColumns, fittingRows, tensorsOf } from './feature_columns.ts';

/** What a version answered to rows. */
export interface ReplayedRows {
  /** The place of each row among the answers; −1 where the version could not answer it. */
  place: Int32Array;
  answers: PredictionColumns | RowPrediction[];
  /** How many rows it could not answer, by reason. */
  refused: Map<string, number>;
  /** Features that the source has for no row. */
  absent: string[];
}

/** A version in a host of its own, that serves nobody else. */
export interface ReplayedVersion {
  record: VersionRecord;
  rows: RowIndependence;
  /** Answers rows; those that do not fit, or on which the model fails, are refused, each for itself. */
  answer(given: FeatureColumns): Promise<ReplayedRows>;
  /** The rows that fit its signature. */
  fits(given: FeatureColumns): Uint32Array;
  /** Milliseconds that the model takes for one row that fits; undefined where it takes several a run, or fails on it. */
  timeOf(given: FeatureColumns, row: number): Promise<number | undefined>;
  close(): void;
}

/** Rows and cells of one run, where rows are proven independent. */
const maxRunRows = 4096;
const maxRunCells = 200_000;
/** A host that the rows of a version end so often is not started again: the rest of the rows is refused. */
const maxRestarts = 10;

/**
 * Loads a version for a replay. Its host yields the processors to everything else.
 * @throws SIGNATURE_MISMATCH where it cannot be replayed; ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED, LIMIT_EXCEEDED
 */
export async function openReplayedVersion(
  whole: VersionRecord,
  settings: HostSettings,
): Promise<ReplayedVersion> {
  const record = withRowOutputs(whole);
  const model = engineModel(record, undefined);
  let loaded = await startQuietHost(settings, model);
  const { rows } = await warmUp(loaded, model, settings.runTimeoutMs).catch((error: unknown) => {
    loaded.host.kill();
    throw error;
  });
  const group = groupOf(record, rows, () => loaded.host.kill());
  const { outputs } = callSignature(record.signature);
  let restarts = 0;
  const isGivenUp = () => restarts > maxRestarts;

  /** @throws what Engine.run throws */
  const run = async (tensors: NamedTensors): Promise<NamedTensors> => {
    if (!loaded.host.isAlive()) {
      if (!isGivenUp()) restarts++;
      if (isGivenUp())
        throw new ModelYardError(
          'ENGINE_CRASHED',
          `The host of ${record.modelId} ${record.version} ended ${restarts} times on replayed rows, and is not started again.`,
          'predict on these rows shows which; health_check shows how it does on live calls.',
        );
      loaded = await startQuietHost(settings, model);
    }
    const engine = {
      run: (running: EngineModel, given: NamedTensors) =>
        runOn(loaded.host, running, given, settings.runTimeoutMs),
      rows: async () => rows,
    };
    return runRows(engine, model, tensors);
  };

  const read = (found: NamedTensors, count: number): ReplayedRows['answers'] =>
    readPredictionColumns(outputs, found, record.classLabels, count) ??
    readPredictions(outputs, found, record.classLabels, count);

  return {
    record,
    rows,
    async answer(given) {
      const { rows: fitting, refused, absent } = fittingRows(record.signature, given);
      const place = new Int32Array(given.rows).fill(-1);
      const parts: { rows: Uint32Array; answers: ReplayedRows['answers'] }[] = [];
      const answerGroup = async (some: Uint32Array): Promise<void> => {
        try {
          const found = await run(tensorsOf(record.signature, given, some));
          parts.push({ rows: some, answers: read(found, some.length) });
        } catch (error) {
          if (!isOfTheRows(error)) throw error;
          if (isGivenUp() || some.length === 1) {
            refused.set(error.message, (refused.get(error.message) ?? 0) + some.length);
            return;
          }
          const half = Math.ceil(some.length / 2);
          await answerGroup(some.subarray(0, half));
          await answerGroup(some.subarray(half));
        }
      };
      for (let start = 0; start < fitting.length; start += group)
        await answerGroup(fitting.subarray(start, start + group));
      let next = 0;
      for (const part of parts) for (const row of part.rows) place[row] = next++;
      return { place, answers: joinAnswers(parts.map(({ answers }) => answers)), refused, absent };
    },
    fits: (given) => fittingRows(record.signature, given).rows,
    async timeOf(given, row) {
      if (fixedRows(model.inputs) !== undefined || !loaded.host.isAlive()) return undefined;
      const tensors = tensorsOf(record.signature, given, Uint32Array.of(row));
      try {
        return (await timedRunOn(loaded.host, model, tensors, settings.runTimeoutMs)).runMs;
      } catch (error) {
        if (isOfTheRows(error)) return undefined;
        throw error;
      }
    },
    close: () => loaded.host.kill(),
  };
}

async function startQuietHost(settings: HostSettings, model: EngineModel): Promise<LoadedHost> {
  const loaded = await startHost(settings, model.artifact, 1);
  yieldToOthers(loaded.host.pid);
  return loaded;
}

/** Live calls go before: where the system lets it, a process of a replay runs on what they leave. */
export function yieldToOthers(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or the system forbids it: the replay is only less quiet then.
  }
}

/** @throws SIGNATURE_MISMATCH */
function withRowOutputs(record: VersionRecord): VersionRecord {
  const outputs = record.signature.outputs.filter(({ role }) => role !== 'call');
  const name = `${record.modelId} ${record.version}`;
  if (record.signature.features.length === 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${name} has no named features: the log does not keep the tensors of its calls, so they cannot be replayed.`,
      'Compare it as a shadow instead (set_traffic with shadow_version).',
    );
  if (outputs.length === 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${name} has no output that is one per row, so its answers to rows cannot be compared.`,
      'Compare it as a shadow instead (set_traffic with shadow_version).',
    );
  return { ...record, signature: { ...record.signature, outputs } };
}

/** Rows of one run: many only where it is proven that none changes another's answer. */
function groupOf(
  { modelId, version, signature }: VersionRecord,
  rows: RowIndependence,
  close: () => void,
): number {
  const isProven = rows.independent && rows.outputsByRow;
  if (isProven) return Math.max(1, Math.min(maxRunRows, Math.floor(maxRunCells / signature.features.length)));
  if ((fixedRows(signature.inputs) ?? 1) === 1) return 1;
  close();
  throw new ModelYardError(
    'SIGNATURE_MISMATCH',
    `${modelId} ${version} takes a fixed number of rows in each run, and its rows may change one another's answers: logged rows cannot be put together as its callers did.`,
    'Compare it as a shadow instead (set_traffic with shadow_version).',
  );
}

/** Whether a run failed because of its rows, as far as one can tell: fewer of them may do. */
function isOfTheRows(error: unknown): error is ModelYardError {
  return (
    error instanceof ModelYardError &&
    ['INFERENCE_FAILED', 'LIMIT_EXCEEDED', 'SIGNATURE_MISMATCH', 'ENGINE_CRASHED', 'TIMEOUT'].includes(
      error.code,
    )
  );
}

function joinAnswers(parts: readonly ReplayedRows['answers'][]): ReplayedRows['answers'] {
  const columns = parts.filter((part): part is PredictionColumns => !Array.isArray(part));
  const joined = columns.length === parts.length ? joinPredictions(columns) : undefined;
  return joined ?? parts.flatMap((part) => rowsOf(part));
}

function rowsOf(answers: ReplayedRows['answers']): RowPrediction[] {
  if (Array.isArray(answers)) return answers;
  return Array.from({ length: answers.rows }, (_, at) => ({
    value: predictedValue(answers.values, at),
    probabilities: answers.classes?.map((label, index): [string, number] => [
      label,
      answers.probabilities[index]?.[at] ?? Number.NaN,
    ]),
  }));
}

export function answerAt({ answers }: ReplayedRows, place: number): PredictedValue {
  return Array.isArray(answers) ? (answers[place]?.value ?? null) : predictedValue(answers.values, place);
}

/** Reads the probabilities of classes in that order: NaN where there is none. */
export function probabilityReader(
  { answers }: ReplayedRows,
  classes: readonly string[],
): (place: number, index: number) => number {
  if (Array.isArray(answers))
    return (place, index) =>
      answers[place]?.probabilities?.find(([label]) => label === classes[index])?.[1] ?? Number.NaN;
  const columns = classes.map((label) => answers.probabilities[answers.classes?.indexOf(label) ?? -1]);
  return (place, index) => columns[index]?.[place] ?? Number.NaN;
}
