import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { datatypes } from '../registry/datatypes.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { readStored } from '../storage/stored_json.ts';
import type { PredictedValue, RowPrediction } from './codec/predictions.ts';
import { encodeInput, type PredictInput } from './predict_input.ts';

/** A check that a version answers known inputs as it should. */
export interface Probe {
  input: Exclude<PredictInput, { kind: 'typed' }>;
  /** The value of every row. Without it the probe only has to run. */
  expect?: readonly unknown[] | undefined;
  /** How far a number may be off, absolutely. */
  tolerance: number;
}

const storedTensor = z.object({
  datatype: z.enum(datatypes),
  shape: z.array(z.number()),
  data: z.array(z.unknown()),
});
const storedProbe = z.object({
  inputs: z.array(z.record(z.string(), z.unknown())).optional(),
  tensors: z.array(z.tuple([z.string(), storedTensor])).optional(),
  expect: z.array(z.unknown()).optional(),
  tolerance: z.number(),
});

/** Reads a probe as the deployment keeps it. @throws INTERNAL when it is damaged */
export function parseProbe(row: { model_id: string; version: string; probe: string }): Probe {
  const of = `the deployment of ${row.model_id} ${row.version}`;
  const stored = readStored(storedProbe, row.probe, { table: 'deployments', column: 'probe', of });
  const { inputs, tensors, ...judged } = stored;
  const input: Probe['input'] =
    tensors === undefined
      ? { kind: 'records', records: inputs ?? [] }
      : { kind: 'tensors', tensors: new Map(tensors) };
  return { input, ...judged };
}

/** A probe as the deployment keeps it. */
export function probeText({ input, expect, tolerance }: Probe): string {
  const given = input.kind === 'records' ? { inputs: input.records } : { tensors: [...input.tensors] };
  return JSON.stringify({ ...given, expect, tolerance });
}

/**
 * The shapes of a probe's inputs: sizes that the model is known to accept.
 * @throws SIGNATURE_MISMATCH when the probe does not fit the model
 */
export function probeSizes(record: VersionRecord, { input }: Probe): Map<string, number[]> {
  return new Map([...encodeInput(record, input)].map(([name, { shape }]) => [name, shape]));
}

/** @throws GATE_FAILED naming the first row that is not as expected; INVALID_INPUT when the counts differ. */
export function judgeProbe({ expect, tolerance }: Probe, predictions: readonly RowPrediction[]): void {
  if (expect === undefined) return;
  if (expect.length !== predictions.length)
    throw new ModelYardError(
      'INVALID_INPUT',
      `probe.expect has ${expect.length} values for ${predictions.length} rows.`,
      'Give one expected value per input row, or leave expect out.',
    );
  predictions.forEach(({ value }, row) => {
    if (!agrees(value, expect[row], tolerance))
      throw new ModelYardError(
        'GATE_FAILED',
        `The probe's row ${row} gave ${JSON.stringify(value)}, but ${JSON.stringify(expect[row])} was expected (tolerance ${tolerance}).`,
        'The version is registered but not deployed. Correct the probe or the model, then deploy again.',
      );
  });
}

function agrees(value: PredictedValue, expected: unknown, tolerance: number): boolean {
  if (Array.isArray(value))
    return (
      Array.isArray(expected) &&
      value.length === expected.length &&
      value.every((item, index) => agrees(item, expected[index], tolerance))
    );
  if (typeof value === 'number' && typeof expected === 'number')
    return Math.abs(value - expected) <= tolerance;
  return value === expected;
}
