import { ModelYardError } from '../errors.ts';
import type { Signature, TensorSpec } from '../registry/signature.ts';
import { batchRows, joinRows, splitRows } from './engine/batching.ts';
import type { Engine, EngineModel, RunOptions } from './engine/engine.ts';
import type { NamedTensors } from './engine/protocol.ts';
import type { RowIndependence } from './graph/rows/row_independence.ts';

/** The number of rows that a model takes in each run, where its inputs all say the same. */
export function fixedRows(inputs: readonly TensorSpec[]): number | undefined {
  const [first] = inputs;
  const rows = first?.shape[0];
  if (rows === undefined || rows < 1 || inputs.some(({ shape }) => shape[0] !== rows)) return undefined;
  return rows;
}

/** The signature of the calls: where a model takes a fixed number of rows in each run, a call may have any. */
export function callSignature(signature: Signature): Signature {
  const rows = fixedRows(signature.inputs);
  if (rows === undefined) return signature;
  const free = <Spec extends TensorSpec>(spec: Spec): Spec => {
    const axis = spec.row_axis ?? 0;
    if (spec.role === 'call' || spec.shape[axis] !== rows) return spec;
    return { ...spec, shape: spec.shape.with(axis, -1) };
  };
  return { ...signature, inputs: signature.inputs.map(free), outputs: signature.outputs.map(free) };
}

/**
 * Runs a version on a call of any number of rows. Where it takes a fixed number in each run, the rows are answered in
 * groups of so many, the last filled up with copies of its last row, if it is proven that rows change no other's answer.
 * @throws SIGNATURE_MISMATCH where the number of rows does not fit and that is not proven, and what Engine.run throws
 */
export function runRows(
  engine: Pick<Engine, 'run' | 'rows'>,
  model: EngineModel,
  tensors: NamedTensors,
  options: RunOptions = {},
): Promise<NamedTensors> {
  const group = fixedRows(model.inputs);
  if (group === undefined) return engine.run(model, tensors, options);
  const rows = batchRows(tensors);
  if (rows === undefined || rows === group) return engine.run(model, tensors, options);
  return runInGroups(engine, model, tensors, { group, rows }, options);
}

async function runInGroups(
  engine: Pick<Engine, 'run' | 'rows'>,
  model: EngineModel,
  tensors: NamedTensors,
  { group, rows }: { group: number; rows: number },
  options: RunOptions,
): Promise<NamedTensors> {
  const independence = await engine.rows(model);
  // An output that is not one a row belongs to one run, and cannot be put together from several.
  if (rows === 0 || !independence.independent || !independence.outputsByRow)
    throw otherRows(group, rows, independence);
  const missing = (group - (rows % group)) % group;
  const groups = Math.ceil(rows / group);
  const sizes = Array.from({ length: groups }, (_, at) => (at === groups - 1 ? group - missing : group));
  const answers: NamedTensors[] = [];
  for (const part of splitRows(tensors, sizes) ?? []) {
    answers.push(await engine.run(model, filledUp(part, group), options));
  }
  const all = joinRows(answers);
  return missing === 0 ? all : (splitRows(all, [rows, missing])?.[0] ?? all);
}

/** What the first run of a call is given, where a model takes a fixed number of rows in each. */
export function firstRun({ inputs }: Pick<EngineModel, 'inputs'>, tensors: NamedTensors): NamedTensors {
  const group = fixedRows(inputs);
  const rows = batchRows(tensors);
  if (group === undefined || rows === undefined || rows === 0) return tensors;
  const first = rows <= group ? tensors : splitRows(tensors, [group, rows - group])?.[0];
  return first === undefined ? tensors : filledUp(first, group);
}

/** A group with copies of its last row in the places that are left, whose answers nobody gets. */
function filledUp(part: NamedTensors, group: number): NamedTensors {
  const rows = batchRows(part) ?? group;
  if (rows === group) return part;
  const [, last] = splitRows(part, [rows - 1, 1]) ?? [];
  return last === undefined ? part : joinRows([part, ...Array.from({ length: group - rows }, () => last)]);
}

function otherRows(group: number, rows: number, independence: RowIndependence): ModelYardError {
  const why = independence.independent
    ? ''
    : ` Rows may change one another's answers (${independence.because}), so they are not cut into groups or filled up.`;
  return new ModelYardError(
    'SIGNATURE_MISMATCH',
    `The model takes exactly ${group} rows a call, but ${rows} were given.${why}`,
    `Give ${group} rows.`,
  );
}
