import type { Signature, TensorSpec } from '../registry/signature.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { isFloat, type Tensor } from '../tensors/datatypes.ts';
import { nonFiniteNumber, readElement } from '../tensors/elements.ts';
import type { TensorJson } from '../tensors/json_tensors.ts';
import { encodeRecords, type JsonRecord } from './codec/records.ts';
import { encodeTensors, requireTensors } from './codec/tensors.ts';
import { batchRows } from './engine/batching.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { callSignature } from './run_rows.ts';

/**
 * What a predict call gives the model: records of features, or tensors by input name, as JSON or with their elements
 * already (`typed`), which are answered with such tensors.
 */
export type PredictInput =
  | { kind: 'records'; records: readonly JsonRecord[] }
  | { kind: 'tensors'; tensors: ReadonlyMap<string, TensorJson> }
  | { kind: 'typed'; tensors: ReadonlyMap<string, Tensor> };

/** What a call brings: its input, or a function that reads it by the signature of the version that answers. */
export type GivenInput = PredictInput | ((signature: Signature) => PredictInput);

/** @throws SIGNATURE_MISMATCH */
export function encodeInput(record: VersionRecord, input: PredictInput): NamedTensors {
  if (input.kind === 'records') return encodeRecords(record.signature, input.records);
  const { inputs } = callSignature(record.signature);
  return input.kind === 'typed'
    ? requireTensors(inputs, input.tensors)
    : encodeTensors(inputs, input.tensors);
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
    const element =
      input.kind === 'typed'
        ? typedElements(input.tensors.get(feature.input))
        : jsonElements(input.tensors.get(feature.input), isFloat(feature.datatype));
    const rank = inputs.find((spec) => spec.name === feature.input)?.shape.length ?? 2;
    const width = rank === 1 ? 1 : element.count / rows;
    return [feature.name, Array.from({ length: rows }, (_, row) => element.at(row * width + feature.column))];
  });
}

interface Elements {
  count: number;
  at(index: number): unknown;
}

function typedElements(tensor: Tensor | undefined): Elements {
  if (tensor === undefined) return { count: 0, at: () => null };
  return { count: tensor.data.length, at: (index) => readElement(tensor, index) };
}

function jsonElements(tensor: TensorJson | undefined, isOfFloats: boolean): Elements {
  const data = tensor?.data ?? [];
  const flat: unknown[] = data.some(Array.isArray) ? data.flat(Number.POSITIVE_INFINITY) : data;
  return {
    count: flat.length,
    at: (index) => (isOfFloats && nonFiniteNumber(flat[index]) !== undefined ? null : flat[index]),
  };
}
