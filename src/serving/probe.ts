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
