import type { z } from 'zod';
import { ModelYardError } from '../../src/errors.ts';
import '../../src/plain_messages.ts';
import type { PredictInput } from '../../src/serving/predict_input.ts';
import { tensor } from './schemas.ts';

/**
 * The rows of a call: records, or tensors by input name.
 *
 * @param of the argument that holds them: `predict`, `probe`
 * @throws INVALID_INPUT unless it is exactly one of them, or when tensors have the wrong form
 */
export function parseRows(
  of: string,
  given: { inputs?: Record<string, unknown>[] | undefined; tensors?: Record<string, unknown> | undefined },
): Exclude<PredictInput, { kind: 'typed' }> {
  if (given.inputs !== undefined && given.tensors === undefined)
    return { kind: 'records', records: given.inputs };
  if (given.tensors === undefined || given.inputs !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${of} takes exactly one of inputs and tensors; ${given.inputs === undefined ? 'neither' : 'both'} was given.`,
      'Give inputs (records of features), or tensors for a model without named features.',
    );
  return {
    kind: 'tensors',
    tensors: new Map(Object.entries(given.tensors).map(([name, value]) => [name, parseTensor(name, value)])),
  };
}

function parseTensor(name: string, value: unknown): z.output<typeof tensor> {
  const parsed = tensor.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ModelYardError(
    'INVALID_INPUT',
    `tensors.${name}${issue && issue.path.length > 0 ? `.${issue.path.join('.')}` : ''}: ${issue?.message ?? 'not a tensor'}.`,
    'A tensor is {"datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}.',
  );
}
