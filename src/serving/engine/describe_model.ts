import { ModelYardError } from '../../errors.ts';
import type { InspectedOutput, Inspection } from '../../registry/model_inspector.ts';
import { datatypeOfRuntime, elementCount, maxRank } from '../../tensors/datatypes.ts';
import type { ValueMetadata } from './protocol.ts';

/** The runtime keeps tensors as members of a JavaScript object, where this name is special. */
const unusable = '__proto__';

/** A larger row could not be the input of a tool call. */
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
  if (outputs.some(({ name }) => name === unusable))
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `The model has an output named ${unusable}, which the runtime cannot hand over.`,
      'Rename it: onnx.compose.add_prefix(model, prefix="m_") does so for all.',
    );
  for (const { name, shape } of [...inputs, ...outputs])
    if (shape.length > maxRank)
      throw new ModelYardError(
        'ARTIFACT_INVALID',
        `The model's tensor ${name.slice(0, 80)} has ${shape.length} dimensions; at most ${maxRank} are served.`,
        'Export the model with its tensors reshaped to fewer dimensions.',
      );
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

function tensorSpec({
  name,
  isTensor,
  type,
  shape,
  namedRows: _,
  ...rest
}: ValueMetadata): InspectedOutput | undefined {
  const datatype = isTensor ? datatypeOfRuntime(type) : undefined;
  return datatype && { name, datatype, shape, ...rest };
}

/** A LightGBM classifier declares its label as one value, however many rows there are. */
function withFreeRows(spec: InspectedOutput): InspectedOutput {
  return spec.role === 'label' && spec.shape.length === 1 ? { ...spec, shape: [-1] } : spec;
}
