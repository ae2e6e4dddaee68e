import { z } from 'zod';
import { describeShape, type TensorSpec } from '../../registry/signature.ts';

const tensor = z.object({
  name: z.string(),
  datatype: z.string(),
  // Triton's 64-bit numbers may come as text.
  shape: z.array(z.coerce.number().int()),
});
const tensors = z
  .array(tensor)
  .nullish()
  .transform((given) => given ?? []);

/** What an engine says of a model that it has. */
export const modelMetadata = z.object({ name: z.string(), inputs: tensors, outputs: tensors });
export type ModelMetadata = z.output<typeof modelMetadata>;

/**
 * What stands between an engine's model and a version's signature, as a sentence; undefined: nothing. The engine's may be
 * wider: take sizes that the version fixes, leave open what it answers, answer further outputs.
 */
export function signatureDifference(
  version: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] },
  engine: Pick<ModelMetadata, 'inputs' | 'outputs'>,
): string | undefined {
  const unknown = engine.inputs.find(({ name }) => !version.inputs.some((input) => input.name === name));
  if (unknown !== undefined)
    return `it wants the input ${shown(unknown.name)}, which the version does not have`;
  for (const [side, ours, theirs] of [
    ['input', version.inputs, engine.inputs],
    ['output', version.outputs, engine.outputs],
  ] as const)
    for (const spec of ours) {
      const found = theirs.find(({ name }) => name === spec.name);
      if (found === undefined)
        return `it has no ${side} ${shown(spec.name)}${
          theirs.length === 0
            ? ` (it names no ${side}s at all)`
            : ` (it has ${theirs
                .map(({ name }) => shown(name))
                .slice(0, 10)
                .join(', ')})`
        }`;
      if (found.datatype !== spec.datatype)
        return `its ${side} ${shown(spec.name)} is ${found.datatype.slice(0, 40)}, that of the version ${spec.datatype}`;
      if (spec.unranked || fits(side, spec.shape, found.shape)) continue;
      return `its ${side} ${shown(spec.name)} has the shape [${describeShape(found.shape)}], that of the version [${describeShape(spec.shape)}]`;
    }
  return undefined;
}

/** An input must be taken in every size that the version takes; of an output no known size may be another. */
function fits(side: 'input' | 'output', ours: readonly number[], theirs: readonly number[]): boolean {
  return (
    ours.length === theirs.length &&
    ours.every((size, axis) => {
      const other = theirs[axis] ?? -1;
      return other < 0 || size === other || (side === 'output' && size === -1);
    })
  );
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
