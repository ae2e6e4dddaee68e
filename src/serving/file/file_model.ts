import { ModelYardError } from '../../errors.ts';
import { describeTensors } from '../../registry/signature.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { Breakers } from '../breakers.ts';
import { chooseOutputs } from '../chosen_outputs.ts';
import { circuitOpen } from '../circuit_open.ts';
import { type PredictionColumns, readPredictionColumns } from '../codec/prediction_columns.ts';
import { type RowPrediction, readPredictions } from '../codec/predictions.ts';
import type { Engine } from '../engine/engine.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import { countsAgainstModel } from '../predict.ts';
import { callSignature, runRows } from '../run_rows.ts';
import { explainNotRouted, findServed, type ServedModels } from '../served_models.ts';

/** The one version that answers a whole file. */
export interface FileModel {
  record: VersionRecord;
  route: 'active' | 'pinned';
  /** Whether its rows can change one another's answers. */
  rows: RowIndependence;
  /**
   * Runs the tensors of so many rows, unlogged.
   * @throws SIGNATURE_MISMATCH, INFERENCE_FAILED, LIMIT_EXCEEDED, CIRCUIT_OPEN, NOT_DEPLOYED, TIMEOUT, ENGINE_CRASHED
   */
  run(tensors: NamedTensors, rows: number): Promise<NamedTensors>;
  /** What the outputs of a run predict; by columns undefined where that is not one value a row, see there. */
  readRows(outputs: NamedTensors, rows: number): RowPrediction[];
  readColumns(outputs: NamedTensors, rows: number): PredictionColumns | undefined;
}

export interface FileModelDependencies {
  database: Database;
  served: ServedModels;
  engine: Engine;
  breakers: Breakers;
  clock: () => number;
}

/**
 * The pinned version, or the one with the most traffic now.
 * @param outputs the outputs that are wanted; undefined: all that have rows.
 * @throws SIGNATURE_MISMATCH, MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, and what loading it throws
 */
export async function chooseFileModel(
  { database, served, engine, breakers, clock }: FileModelDependencies,
  modelId: string,
  pinned: string | undefined,
  outputs?: readonly string[] | undefined,
): Promise<FileModel> {
  const findVersion = async (version: string | undefined) => {
    const model = await served.read(modelId);
    if (version !== undefined) return findServed(database, modelId, version, model);
    const active = model.versions.get(model.route?.activeVersion ?? '');
    return active ?? explainNotRouted(database, modelId, model);
  };
  const { record: whole, engineModel } = await findVersion(pinned);
  const record = withOutputs(whole, outputs);
  const specs = callSignature(record.signature).outputs;
  const run = async (tensors: NamedTensors, rows: number): Promise<NamedTensors> => {
    // Read again: the version may be retired and its breaker may open while a file is being answered.
    const version = await findVersion(record.version);
    if (!breakers.allows(version)) throw circuitOpen(modelId, [version], clock());
    const ticket = breakers.begin(version);
    const started = performance.now();
    let runMs = 0;
    try {
      // A model with a fixed number of rows runs several times: the slowest counts.
      const onRun = (timing: { runMs: number }) => {
        runMs = Math.max(runMs, timing.runMs);
      };
      const outputs = await runRows(engine, version.engineModel, tensors, {
        outputs: record.signature.outputs,
        alone: true,
        onRun,
      });
      // A run has more rows than any call: the breaker's limit for slow calls applies to the time for one row.
      breakers.end(version, ticket, { failed: false, latencyMs: runMs / rows });
      return outputs;
    } catch (error) {
      const latencyMs = performance.now() - started;
      breakers.end(version, ticket, countsAgainstModel(error) ? { failed: true, latencyMs } : 'not_counted');
      throw error;
    }
  };
  return {
    record,
    route: pinned === undefined ? 'active' : 'pinned',
    rows: await engine.rows(engineModel),
    run,
    readRows: (outputs, rows) => readPredictions(specs, outputs, record.classLabels, rows),
    readColumns: (outputs, rows) => readPredictionColumns(specs, outputs, record.classLabels, rows),
  };
}

/** A version of which only the outputs that are wanted and have rows are known. */
function withOutputs(record: VersionRecord, names: readonly string[] | undefined): VersionRecord {
  const { fetched } = chooseOutputs(record.signature.outputs, names);
  const outputs = fetched.filter(({ role }) => role !== 'call');
  if (outputs.length === 0)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${names === undefined ? 'The model has' : '`outputs` names'} no output that is one per row, so a file has no place for its answers: ${describeTensors(fetched)}.`,
      'Call predict, which gives such outputs in `outputs`.',
    );
  return { ...record, signature: { ...record.signature, outputs } };
}
