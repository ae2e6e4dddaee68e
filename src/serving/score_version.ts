import type { VersionRecord } from '../registry/version_record.ts';
import { type RowPrediction, readPredictions } from './codec/predictions.ts';
import type { JsonRecord } from './codec/records.ts';
import { engineModel } from './deployed_version.ts';
import type { Engine } from './engine/engine.ts';
import { encodeInput, type PredictInput, rowCount } from './predict_input.ts';
import { callSignature, runRows } from './run_rows.ts';

/**
 * Runs a version on records without logging: for scoring reference data.
 * @param on the engine that it is deployed on
 */
export function scoreRecords(
  engine: Engine,
  record: VersionRecord,
  records: readonly JsonRecord[],
  on: string,
): Promise<RowPrediction[]> {
  return scoreInput(engine, record, { kind: 'records', records }, on);
}

/** Runs a version on records or tensors without logging: for probes. @param on the engine that it is deployed on */
export async function scoreInput(
  engine: Engine,
  record: VersionRecord,
  input: PredictInput,
  on: string,
): Promise<RowPrediction[]> {
  const tensors = encodeInput(record, input);
  const model = engineModel(record, undefined, undefined, on);
  const outputs = await runRows(engine, model, tensors, { alone: true });
  const rows = rowCount(record.signature, input, tensors);
  return readPredictions(callSignature(record.signature).outputs, outputs, record.classLabels, rows);
}
