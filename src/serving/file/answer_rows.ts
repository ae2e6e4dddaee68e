import { setTimeout as pause } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import type { Signature } from '../../registry/signature.ts';
import type { RowPrediction } from '../codec/predictions.ts';
import { encodeRecords, type JsonRecord } from '../codec/records.ts';
import { RunFailure } from '../engine/fault.ts';
import { isBusy } from '../engine/job.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import { fixedRows } from '../run_rows.ts';

/** Runs a model on records; one prediction a record. */
export type RunRecords = (records: readonly JsonRecord[]) => Promise<RowPrediction[]>;

export interface RowsAnswer {
  /** One a row, in order. */
  answers: RowAnswer[];
  /** The model's error of a row that it could not run on; undefined when there was none. */
  modelFailure: ModelYardError | undefined;
}
/** What whole groups gave, or failed with, when they were run in another way before: by the position of the first row. */
export type TriedGroups = Map<number, () => RowPrediction[]>;
export type RowAnswer = { prediction: RowPrediction } | { error: string };

/** Rows of one run; with many features fewer rows, so that a run has about the same number of cells. */
const maxGroupRows = 200;
const maxGroupFeatures = 50_000;

/** How rows are grouped for a model. It depends on the model alone, so that a file has the same answers each time. */
export interface RowGroups {
  size: number;
  /** Rows of a group may change one another's answers: groups must not depend on where the file is cut for reading. */
  mustBeWhole: boolean;
  /** The model takes no smaller group. */
  isFixed: boolean;
}

export function rowGroups({ inputs, features }: Signature, rows: RowIndependence): RowGroups {
  const fixed = fixedRows(inputs);
  const isProven = rows.independent && rows.outputsByRow;
  const most = Math.max(
    1,
    Math.min(maxGroupRows, Math.floor(maxGroupFeatures / Math.max(1, features.length))),
  );
  if (fixed === undefined) return { size: most, mustBeWhole: !rows.independent, isFixed: false };
  const size = isProven ? fixed * Math.max(1, Math.floor(most / fixed)) : fixed;
  return { size, mustBeWhole: !isProven, isFixed: !isProven };
}

/** While too many calls wait for the model, a run is tried again after these pauses, milliseconds. */
const busyPausesMs = [20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400];

/**
 * Runs that end the runtime, or hang until they are ended, cost all callers a restart, so they are limited: this many
 * more than the runs that were answered. After this many in a row without an answer, groups are no longer divided …
 */
const maxEndsDivided = 10;
/** … and after this many the file is stopped. */
const maxEnds = 25;

/**
 * Answers rows with a model, in groups, so that each fails for itself: a run that fails because of its rows, ends the
 * runtime by them, hangs on them or takes too much for them is divided until the guilty ones are alone. A model that is gone fails the whole: a run whose host was
 * ended from outside is tried once more, then TIMEOUT, ENGINE_CRASHED, CIRCUIT_OPEN and the like are thrown.
 */
export function rowAnswerer(signature: Signature, run: RunRecords, groups: RowGroups) {
  /** Runs that ended the runtime, minus the runs that were answered; and how many of them came since the last answer. */
  let [unpaid, inARow] = [0, 0];
  const patiently = async <Result>(once: () => Promise<Result>, signal: AbortSignal): Promise<Result> => {
    let crashed = false;
    for (let pauses = 0; ; ) {
      signal.throwIfAborted();
      try {
        return await once();
      } catch (error) {
        const code = error instanceof ModelYardError ? error.code : undefined;
        const wait = busyPausesMs[pauses];
        if (code === 'ENGINE_CRASHED' && !crashed && !endedByRows(error)) crashed = true;
        else if (isBusy(error) && wait !== undefined) {
          pauses++;
          await pause(wait, undefined, { signal });
        } else throw error;
      }
    }
  };

  const answered = () => {
    [unpaid, inARow] = [Math.max(0, unpaid - 1), 0];
  };

  const answer = async (
    rows: readonly { features: JsonRecord; fault: string | undefined }[],
    signal: AbortSignal,
    tried?: TriedGroups,
  ): Promise<RowsAnswer> => {
    const answers: RowAnswer[] = rows.map(({ fault }) => ({ error: fault ?? '' }));
    let modelFailure: ModelYardError | undefined;
    const featuresOf = (index: number) => rows[index]?.features ?? {};

    const answerGroup = async (group: readonly number[]): Promise<void> => {
      if (group.length === 0) return;
      try {
        const before = tried?.get(group[0] ?? -1);
        tried?.delete(group[0] ?? -1);
        const predictions =
          before === undefined ? await patiently(() => run(group.map(featuresOf)), signal) : before();
        if (before === undefined) answered();
        group.forEach((index, position) => {
          const prediction = predictions[position];
          answers[index] =
            prediction === undefined ? { error: 'The model gave no prediction.' } : { prediction };
        });
      } catch (error) {
        if (!(error instanceof ModelYardError)) throw error;
        if (error.code === 'SIGNATURE_MISMATCH') {
          const fitting = group.filter((index) => {
            const mismatch = mismatchOf(signature, featuresOf(index));
            if (mismatch !== undefined) answers[index] = { error: mismatch };
            return mismatch === undefined;
          });
          if (fitting.length < group.length) return answerGroup(fitting);
          // Too few rows for a model that takes no fewer.
          if (!groups.isFixed || group.length >= groups.size) throw error;
          for (const index of group) answers[index] = { error: error.message };
          return;
        }
        const isEnd = endedByRows(error) || isTooMuch(error);
        if (error.code !== 'INFERENCE_FAILED' && !isEnd) throw error;
        if (isEnd) [unpaid, inARow] = [unpaid + 1, inARow + 1];
        if (unpaid > maxEnds) throw error;
        if (group.length === 1 || groups.isFixed || (isEnd && inARow > maxEndsDivided)) {
          for (const index of group) answers[index] = { error: error.message };
          modelFailure = error;
          return;
        }
        const half = Math.ceil(group.length / 2);
        await answerGroup(group.slice(0, half));
        await answerGroup(group.slice(half));
      }
    };

    const sound = [...rows.keys()].filter((index) => rows[index]?.fault === undefined);
    for (let start = 0; start < sound.length; start += groups.size)
      await answerGroup(sound.slice(start, start + groups.size));
    return { answers, modelFailure };
  };
  return {
    answer,
    /** Runs a whole group in some other way, as patiently. */
    async runGroup<Result>(once: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
      const result = await patiently(once, signal);
      answered();
      return result;
    },
  };
}

/** Whether a run ended the runtime or took too long by its rows: the model does not do so on everything. */
function endedByRows(error: unknown): error is RunFailure {
  if (!(error instanceof RunFailure) || error.isFromOutside) return false;
  if (error.code === 'TIMEOUT') return error.fault === 'caller';
  return error.code === 'ENGINE_CRASHED' && error.fault !== 'model';
}

/** Whether the rows took more memory, or have a larger answer, than a run may: fewer of them may do. */
function isTooMuch(error: ModelYardError): boolean {
  return error.code === 'LIMIT_EXCEEDED' && !error.retryable;
}

/** Why a row does not fit the signature; undefined when it does. */
export function mismatchOf(signature: Signature, record: JsonRecord): string | undefined {
  try {
    encodeRecords(signature, [record]);
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    // The report has the line, so the row's number is left out.
    return error.message.replace(/^Row 0, f/, 'F').replace(/^Row 0 does/, 'The row does');
  }
}
