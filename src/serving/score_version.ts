import type { VersionRecord } from '../registry/version_record.ts';
import { type RowPrediction, readPredictions } from './codec/predictions.ts';
import type { JsonRecord } from './codec/records.ts';
import { engineModel } from './deployed_version.ts';
import type { Engine } from './engine/engine.ts';
import { encodeInput, type PredictInput, rowCount } from './predict_input.ts';
import { callSignature, runRows } from './run_rows.ts';

/** Runs a version on records without logging: for scoring reference data. */
export function scoreRecords(
  engine: Engine,
  record: VersionRecord,
  records: readonly JsonRecord[],
): Promise<RowPrediction[]> {
  return scoreInput(engine, record, { kind: 'records', records });
}

/** Runs a version on records or tensors without logging: for probes. */
export async function scoreInput(
  engine: Engine,
  record: VersionRecord,
  input: PredictInput,
): Promise<RowPrediction[]> {
  const tensors = encodeInput(record, input);
  const outputs = await runRows(engine, engineModel(record, undefined), tensors, { alone: true });
  const rows = rowCount(record.signature, input, tensors);
  return readPredictions(callSignature(record.signature).outputs, outputs, record.classLabels, rows);
}
