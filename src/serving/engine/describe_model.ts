import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { datatypeOfRuntime, elementCount } from '../codec/datatypes.ts';
import type { ValueMetadata } from './protocol.ts';

/** A row above this is no input that a tool call could carry. */
const maxElementsPerRow = 100_000_000;

/**
 * The tensors of a model in Open Inference Protocol terms. Outputs that are not tensors (the sequence of
 * maps of a ZipMap node) cannot be fetched and are left out with a warning.
 * @throws ARTIFACT_INVALID when an input, or every output, is of a type that cannot be served.
 */
export function describeModel(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
): { inputs: TensorSpec[]; outputs: TensorSpec[]; warnings: string[] } {
  const described = inputs.map((input) => {
    const datatype = datatypeOfRuntime(input.type);
    if (!input.isTensor || datatype === undefined)
      throw new ModelYardError(
        'ARTIFACT_INVALID',
        `The model's input ${input.name} is a ${input.isTensor ? `tensor of ${input.type}` : input.type}, which cannot be served.`,
        'Convert the model so that its inputs are tensors of bool, an integer type, float32, float64 or string.',
      );
    if (elementCount(input.shape.filter((dimension) => dimension !== -1)) > maxElementsPerRow)
      throw new ModelYardError(
        'ARTIFACT_INVALID',
        `The model's input ${input.name} wants ${input.shape.join('×')} elements for one row.`,
        `Use a model that takes at most ${maxElementsPerRow} elements a row.`,
      );
    return { name: input.name, datatype, shape: input.shape };
  });
  const served = outputs.flatMap((output) => {
    const datatype = output.isTensor ? datatypeOfRuntime(output.type) : undefined;
    return datatype === undefined ? [] : [{ name: output.name, datatype, shape: output.shape }];
  });
  if (served.length === 0)
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      'The model has no output that can be served (only tensors of bool, integer types, float32, float64 and string can).',
      'Convert the model with tensor outputs; for skl2onnx classifiers set zipmap to False.',
    );
  const left = outputs.filter((output) => !served.some((kept) => kept.name === output.name));
  const warnings = left.map(
    (output) =>
      `The output ${output.name} (${output.isTensor ? output.type : 'a sequence or map, as ZipMap makes'}) is left out of predictions; convert the model with zipmap=False to get its probabilities.`,
  );
  return { inputs: described, outputs: served, warnings };
}
