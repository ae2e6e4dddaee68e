import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import type { PredictedValue, RowPrediction } from './codec/predictions.ts';
import type { JsonRecord } from './codec/records.ts';

/** A check that a version answers known inputs as it should. */
export interface Probe {
  inputs: readonly JsonRecord[];
  /** The value of every row. Without it the probe only has to run. */
  expect?: readonly unknown[] | undefined;
  /** How far a number may be off, absolutely. */
  tolerance: number;
}

const storedProbe = z.object({
  inputs: z.array(z.record(z.string(), z.unknown())),
  expect: z.array(z.unknown()).optional(),
  tolerance: z.number(),
});

/** Reads a probe as the deployment keeps it. */
export function parseProbe(text: string): Probe {
  return storedProbe.parse(JSON.parse(text));
}

/** @throws GATE_FAILED naming the first row that is not as expected; INVALID_INPUT when the counts differ. */
export function judgeProbe(probe: Probe, predictions: readonly RowPrediction[]): void {
  const { expect, tolerance } = probe;
  if (expect === undefined) return;
  if (expect.length !== probe.inputs.length)
    throw new ModelYardError(
      'INVALID_INPUT',
      `probe.expect has ${expect.length} values for ${probe.inputs.length} inputs.`,
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
