import type { Signature } from '../registry/signature.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { encodeRecords, type JsonRecord } from './codec/records.ts';
import { encodeTensors, type TensorJson } from './codec/tensors.ts';
import { batchRows } from './engine/batching.ts';
import type { NamedTensors } from './engine/protocol.ts';

/** What a predict call gives the model: records of features, or tensors by input name. */
export type PredictInput =
  | { kind: 'records'; records: readonly JsonRecord[] }
  | { kind: 'tensors'; tensors: ReadonlyMap<string, TensorJson> };

/** @throws SIGNATURE_MISMATCH */
export function encodeInput(record: VersionRecord, input: PredictInput): NamedTensors {
  return input.kind === 'records'
    ? encodeRecords(record.signature, input.records)
    : encodeTensors(record.signature.inputs, input.tensors, record.signature.features);
}

/** The rows of a call: the records, or the first dimension that all inputs share and the outputs can have, else 1. */
export function rowCount({ outputs }: Signature, input: PredictInput, tensors: NamedTensors): number {
  if (input.kind === 'records') return input.records.length;
  const rows = batchRows(tensors);
  return rows !== undefined && outputs.every(({ shape }) => shape[0] === -1 || shape[0] === rows) ? rows : 1;
}

/** The features as the caller gave them, column by column. */
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
    return [feature.name, Array.from({ length: rows }, (_, row) => flat[row * width + feature.column])];
  });
}
