import type { Signature, TensorSpec } from '../registry/signature.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { isFloat } from './codec/datatypes.ts';
import { nonFiniteNumber } from './codec/elements.ts';
import { encodeRecords, type JsonRecord } from './codec/records.ts';
import { encodeTensors, type TensorJson } from './codec/tensors.ts';
import { batchRows } from './engine/batching.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { callSignature } from './run_rows.ts';

/** What a predict call gives the model: records of features, or tensors by input name. */
export type PredictInput =
  | { kind: 'records'; records: readonly JsonRecord[] }
  | { kind: 'tensors'; tensors: ReadonlyMap<string, TensorJson> };

/** What a call brings: its input, or a function that reads it by the signature of the version that answers. */
export type GivenInput = PredictInput | ((signature: Signature) => PredictInput);

/** @throws SIGNATURE_MISMATCH */
export function encodeInput(record: VersionRecord, input: PredictInput): NamedTensors {
  return input.kind === 'records'
    ? encodeRecords(record.signature, input.records)
    : encodeTensors(callSignature(record.signature).inputs, input.tensors);
}

/** The rows of a call: the records, or the first dimension that all inputs share and the outputs can have, else 1. */
export function rowCount(signature: Signature, input: PredictInput, tensors: NamedTensors): number {
  const { outputs } = callSignature(signature);
  if (input.kind === 'records') return input.records.length;
  const rows = batchRows(tensors);
  const fits = ({ role, row_axis, shape }: TensorSpec) => {
    const size = shape[row_axis ?? 0];
    return role === 'call' || size === -1 || size === rows;
  };
  return rows !== undefined && outputs.every(fits) ? rows : 1;
}

/** The features as the caller gave them, column by column; NaN and infinities, which JSON has no literal for, as null. */
export function loggedFeatures(
  record: VersionRecord,
  input: PredictInput,
  rows: number,
): [string, unknown[]][] | null {
  const { features, inputs } = record.signature;
  if (features.length === 0) return null;
  if (input.kind === 'records')
    return features.map(({ name }) => [name, input.records.map((given) => given[name])]);
  return features.map((feature) => {
    const data = input.tensors.get(feature.input)?.data ?? [];
    const flat: unknown[] = data.some(Array.isArray) ? data.flat(Number.POSITIVE_INFINITY) : data;
    const rank = inputs.find((spec) => spec.name === feature.input)?.shape.length ?? 2;
    const width = rank === 1 ? 1 : flat.length / rows;
    const given = (row: number) => flat[row * width + feature.column];
    return [
      feature.name,
      Array.from({ length: rows }, (_, row) =>
        isFloat(feature.datatype) && nonFiniteNumber(given(row)) !== undefined ? null : given(row),
      ),
    ];
  });
}
