import { setTimeout as pause } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import type { Signature } from '../../registry/signature.ts';
import type { RowPrediction } from '../codec/predictions.ts';
import { encodeRecords, type JsonRecord } from '../codec/records.ts';

/** Runs a model on records; one prediction a record. */
export type RunRecords = (records: readonly JsonRecord[]) => Promise<RowPrediction[]>;

export interface RowsAnswer {
  /** One a row, in order. */
  answers: RowAnswer[];
  /** What the model said of a row that it could not run on; undefined when there was none. */
  modelFailure: ModelYardError | undefined;
}
export type RowAnswer = { prediction: RowPrediction } | { error: string };

/** A run shall take about so long: a short one serves other callers, a long one costs less a row. */
const targetRunMs = 150;
/** With other chunks in flight a call waits about twice as long as it runs, and none shall count as slow. */
const targetShareOfSlow = 1 / 4;
const firstRunRows = 100;
const maxRunRows = 500;

/** While too many calls wait for the model, a run is tried again after these pauses, milliseconds. */
const busyPausesMs = [20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400];

/**
 * Answers rows with a model so that each fails for itself: a run that fails because of its rows is divided until the
 * guilty ones are alone. A model that is gone fails the whole: a crash is tried once more, for a host may be
 * killed from outside, then TIMEOUT, ENGINE_CRASHED, CIRCUIT_OPEN and the like are thrown.
 * @param now milliseconds of a monotonic clock
 * @param slowMs from when on a call to the model counts as slow
 */
export function rowAnswerer(signature: Signature, run: RunRecords, now: () => number, slowMs: number) {
  const target = Math.min(targetRunMs, slowMs * targetShareOfSlow);
  const batch = fixedBatch(signature);
  const single = withFreeBatch(signature);
  let runRows = batch ?? firstRunRows;

  const runPadded = async (records: readonly JsonRecord[]): Promise<RowPrediction[]> => {
    const last = records.at(-1);
    if (batch === undefined || last === undefined || records.length === batch) return run(records);
    // A fixed batch is filled up with copies of its last row, whose predictions nobody gets.
    const filling = Array.from({ length: batch - records.length }, () => last);
    return (await run([...records, ...filling])).slice(0, records.length);
  };

  const runPatiently = async (
    records: readonly JsonRecord[],
    signal: AbortSignal,
  ): Promise<RowPrediction[]> => {
    let crashed = false;
    for (let pauses = 0; ; ) {
      signal.throwIfAborted();
      try {
        return await runPadded(records);
      } catch (error) {
        const code = error instanceof ModelYardError ? error.code : undefined;
        const wait = busyPausesMs[pauses];
        if (code === 'ENGINE_CRASHED' && !crashed) crashed = true;
        else if (code === 'LIMIT_EXCEEDED' && wait !== undefined) {
          pauses++;
          await pause(wait, undefined, { signal });
        } else throw error;
      }
    }
  };

  return async (
    rows: readonly { features: JsonRecord; fault: string | undefined }[],
    signal: AbortSignal,
  ): Promise<RowsAnswer> => {
    const answers: RowAnswer[] = rows.map(({ fault }) => ({ error: fault ?? '' }));
    let modelFailure: ModelYardError | undefined;
    const featuresOf = (index: number) => rows[index]?.features ?? {};

    const answerGroup = async (group: readonly number[]): Promise<void> => {
      if (group.length === 0) return;
      try {
        const predictions = await runPatiently(group.map(featuresOf), signal);
        group.forEach((index, position) => {
          const prediction = predictions[position];
          answers[index] =
            prediction === undefined ? { error: 'The model gave no prediction.' } : { prediction };
        });
      } catch (error) {
        if (!(error instanceof ModelYardError)) throw error;
        if (error.code === 'SIGNATURE_MISMATCH') {
          const fitting = group.filter((index) => {
            const mismatch = mismatchOf(single, featuresOf(index));
            if (mismatch !== undefined) answers[index] = { error: mismatch };
            return mismatch === undefined;
          });
          if (fitting.length === group.length) throw error;
          return answerGroup(fitting);
        }
        if (error.code !== 'INFERENCE_FAILED') throw error;
        const [only] = group;
        if (group.length === 1 && only !== undefined) {
          answers[only] = { error: error.message };
          modelFailure = error;
          return;
        }
        const half = Math.ceil(group.length / 2);
        await answerGroup(group.slice(0, half));
        await answerGroup(group.slice(half));
      }
    };

    const sound = [...rows.keys()].filter((index) => rows[index]?.fault === undefined);
    for (let start = 0; start < sound.length; ) {
      const group = sound.slice(start, start + runRows);
      const begun = now();
      await answerGroup(group);
      start += group.length;
      if (batch === undefined) runRows = nextRunRows(runRows, group.length, now() - begun, target);
    }
    return { answers, modelFailure };
  };
}

/** How many rows the next run takes, after one of `rows` rows took `ms`; at most twice as many as before. */
export function nextRunRows(before: number, rows: number, ms: number, targetMs: number): number {
  const fitting = Math.floor((rows * targetMs) / Math.max(ms, 0.01));
  return Math.max(1, Math.min(maxRunRows, before * 2, fitting));
}

/** The number of rows that the model takes a call where it is fixed. */
function fixedBatch({ inputs }: Signature): number | undefined {
  const batch = inputs.map(({ shape }) => shape[0]).find((size) => size !== undefined && size !== -1);
  return batch === undefined || batch < 1 ? undefined : batch;
}

function withFreeBatch(signature: Signature): Signature {
  const inputs = signature.inputs.map((input) => ({ ...input, shape: [-1, ...input.shape.slice(1)] }));
  return { ...signature, inputs };
}

/** Why a row does not fit the signature; undefined when it does. */
function mismatchOf(signature: Signature, record: JsonRecord): string | undefined {
  try {
    encodeRecords(signature, [record]);
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    // The line says which row it is.
    return error.message.replace(/^Row 0, f/, 'F').replace(/^Row 0 does/, 'The row does');
  }
}
