import { ModelYardError } from '../../errors.ts';
import type { InspectedOutput, Inspection } from '../../registry/model_inspector.ts';
import { datatypeOfRuntime, elementCount } from '../codec/datatypes.ts';
import type { ValueMetadata } from './protocol.ts';

/** A row above this is no input that a tool call could carry. */
const maxElementsPerRow = 100_000_000;

/**
 * The tensors of a model in Open Inference Protocol terms. Outputs that are not tensors, and that the serving
 * graph could not take back to tensors, cannot be fetched and are left out with a warning.
 * @throws ARTIFACT_INVALID when an input, or every output, is of a type that cannot be served.
 */
export function describeModel(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
): Pick<Inspection, 'inputs' | 'outputs' | 'warnings'> {
  const described = inputs.map((input) => {
    const spec = tensorSpec(input);
    if (spec === undefined)
      throw new ModelYardError(
        'ARTIFACT_INVALID',
        `The model's input ${input.name} is a ${input.isTensor ? `tensor of ${input.type}` : input.type}, which cannot be served.`,
        'Convert the model so that its inputs are tensors of bool, an integer or float type, or string.',
      );
    if (elementCount(input.shape.filter((dimension) => dimension !== -1)) > maxElementsPerRow)
      throw new ModelYardError(
        'ARTIFACT_INVALID',
        `The model's input ${input.name} wants ${input.shape.join('×')} elements for one row.`,
        `Use a model that takes at most ${maxElementsPerRow} elements a row.`,
      );
    return spec;
  });
  const takesAnyRows = described.every(({ shape }) => shape[0] === -1);
  const served = outputs.flatMap((output) => {
    const spec = tensorSpec(output);
    return spec === undefined ? [] : [takesAnyRows ? withFreeRows(spec) : spec];
  });
  if (served.length === 0)
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      'The model has no output that can be served (only tensors of bool, integer and float types, and string can).',
      'Convert the model with tensor outputs.',
    );
  const left = outputs.filter((output) => !served.some((kept) => kept.name === output.name));
  const warnings = left.map(
    (output) =>
      `The output ${JSON.stringify(output.name.slice(0, 80))} (${output.type}) is left out of predictions: only tensors can be fetched.`,
  );
  return { inputs: described, outputs: served, warnings };
}

function tensorSpec({ name, isTensor, type, shape, ...rest }: ValueMetadata): InspectedOutput | undefined {
  const datatype = isTensor ? datatypeOfRuntime(type) : undefined;
  return datatype && { name, datatype, shape, ...rest };
}

/** The label of a LightGBM classifier is declared as one value however many rows there are, which is not so. */
function withFreeRows(spec: InspectedOutput): InspectedOutput {
  return spec.role === 'label' && spec.shape.length === 1 ? { ...spec, shape: [-1] } : spec;
}
