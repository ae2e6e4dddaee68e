import type { TensorSpec } from '../../registry/signature.ts';
import { elementCount, isFloat } from '../../tensors/datatypes.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { NamedTensors } from './protocol.ts';
import { sizedInputs, warmupTensors } from './warmup.ts';

/** A run of a model on made-up rows. */
export interface TrialRun {
  rows: number;
  outputs: NamedTensors;
}

/** Numbers of rows that coincide with few other sizes by chance. */
const trialRows = [2, 3, 5];
const maxElements = 4_000_000;

/**
 * Runs a model on a few made-up rows, to see what it does: of zeros, of ones, and of different numbers, with the
 * categories that its graph names. A model that does not run on them, or has no rows, gives fewer runs or none.
 * @param run runs the model; after one that fails no other is tried.
 */
export async function trialRuns(
  described: readonly TensorSpec[],
  known: readonly KnownInput[],
  run: (tensors: NamedTensors) => Promise<NamedTensors>,
): Promise<TrialRun[]> {
  const inputs = sizedInputs(described, new Map(), known);
  const fixed = inputs.map(({ shape }) => shape[0]).find((size) => size !== -1);
  const haveRows = inputs.every(({ shape }) => shape.length > 0 && (shape[0] === -1 || shape[0] === fixed));
  if (inputs.length === 0 || !haveRows) return [];
  const runs: TrialRun[] = [];
  for (const [index, free] of trialRows.entries()) {
    const rows = fixed ?? free;
    const shaped = inputs.map((input) => ({ ...input, shape: [rows, ...input.shape.slice(1)] }));
    if (shaped.reduce((sum, { shape }) => sum + elementCount(shape.map(Math.abs)), 0) > maxElements) break;
    const tensors = warmupTensors(shaped, index === 0 ? 0 : 1, known);
    if (index === 2) vary(tensors);
    try {
      runs.push({ rows, outputs: await run(tensors) });
    } catch {
      break;
    }
  }
  return runs;
}

/** Gives the floats of tensors values of both signs and many sizes, the same ones every time. */
function vary(tensors: NamedTensors): void {
  for (const { datatype, data } of tensors.values()) {
    if (!isFloat(datatype) || datatype === 'FP16') continue;
    for (let index = 0; index < data.length; index++) data[index] = 4 * Math.sin(index * 2.3 + 0.7);
  }
}
