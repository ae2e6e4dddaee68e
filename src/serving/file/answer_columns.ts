import { ModelYardError } from '../../errors.ts';
import { maxEntityKeyLength, type RowColumns } from '../../tables/table.ts';
import { encodeColumns, type FeatureValues } from '../codec/columns.ts';
import { joinPredictions, type PredictionColumns, predictionAt } from '../codec/prediction_columns.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import type { RowGroups, TriedGroups } from './answer_rows.ts';
import type { FileModel } from './file_model.ts';

/** The rows of a chunk, all answered. */
export interface AnsweredColumns {
  given: RowColumns;
  /** One a feature of the signature. */
  features: FeatureValues[];
  entityKeys: (string | null)[] | undefined;
  outcomes: unknown[] | undefined;
  predictions: PredictionColumns;
}

/**
 * Answers chunks by their columns, in the same groups as the rows would be.
 * @param runGroup runs a group patiently, see rowAnswerer
 * @returns what was run before something was found that only the rows can say: a value that does not fit, a run that
 *   failed, predictions that are not one value a row
 */
export function columnAnswerer(
  model: FileModel,
  groups: RowGroups,
  runGroup: (once: () => Promise<NamedTensors>, signal: AbortSignal) => Promise<NamedTensors>,
): (given: RowColumns, signal: AbortSignal) => Promise<AnsweredColumns | TriedGroups> {
  const { signature } = model.record;
  return async (given, signal) => {
    const tried: TriedGroups = new Map();
    const entityKeys = given.entityKeys();
    if (entityKeys?.some((key) => (key?.length ?? 0) > maxEntityKeyLength)) return tried;
    const features: FeatureValues[] = [];
    for (const index of signature.features.keys()) {
      const values = given.values(index);
      if (values === undefined) return tried;
      features.push(values);
    }
    const runs: { start: number; rows: number; tensors: NamedTensors }[] = [];
    for (let start = 0; start < given.rows; start += groups.size) {
      const end = Math.min(start + groups.size, given.rows);
      const tensors = encodeColumns(signature, features, start, end);
      if (tensors === undefined) return tried;
      runs.push({ start, rows: end - start, tensors });
    }
    const answered: PredictionColumns[] = [];
    for (const { start, rows, tensors } of runs) {
      try {
        const outputs = await runGroup(() => model.run(tensors, rows), signal);
        const predictions = model.readColumns(outputs, rows);
        if (predictions !== undefined) answered.push(predictions);
        tried.set(start, () =>
          predictions === undefined ? model.readRows(outputs, rows) : rowsOf(predictions),
        );
        if (predictions === undefined) return tried;
      } catch (error) {
        if (!(error instanceof ModelYardError)) throw error;
        tried.set(start, () => {
          throw error;
        });
        return tried;
      }
    }
    const predictions = joinPredictions(answered);
    if (predictions === undefined) return tried;
    return { given, features, entityKeys, outcomes: given.outcomes(), predictions };
  };
}

function rowsOf(predictions: PredictionColumns) {
  return Array.from({ length: predictions.rows }, (_, row) => predictionAt(predictions, row));
}
