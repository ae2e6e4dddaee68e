import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { runTask } from './analysis/run_task.ts';
import type { ProfileRequest } from './analysis/tasks.ts';
import { pickRows } from './compared_column.ts';
import { seededRandom } from './drift/random.ts';
import { randomRows } from './drift/random_rows.ts';
import type { WindowColumn } from './log/window_column.ts';
import { loggedPredictions } from './prediction_columns.ts';
import { type RowSource, readSource, type SourceDependencies } from './read_source.ts';
import { findReference, insertReference, type Reference, writeReferenceColumns } from './reference.ts';
import { mostReferenceRows, type ReferenceRows } from './reference_rows.ts';
import { resolveVersion } from './resolve_version.ts';
import { type AnswerColumns, type Scorer, scoreRows, spreadAnswers } from './score_rows.ts';

export interface ReferenceDependencies extends SourceDependencies {
  database: Database;
  scorer: Scorer;
  clock: () => number;
}

export interface ReferenceRequest {
  modelId: string;
  version?: string | undefined;
  rows: RowSource;
  /** The column of given rows that holds what really was. */
  outcomeColumn?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Of the rows that are kept whole: the same rows of the same data, every time. */
const sampleSeed = 1;
/** Values that are profiled in place; more take a thread. */
const quickCells = 20_000;

/**
 * Stores what the version's current rows will be compared with: the profile of every column, and a sample of whole
 * rows with what the version answers to them.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT, PATH_NOT_ALLOWED, NOT_ENOUGH_DATA, LIMIT_EXCEEDED
 */
export async function setReference(
  dependencies: ReferenceDependencies,
  request: ReferenceRequest,
  origin: Origin,
): Promise<{ record: VersionRecord; reference: Reference; warnings: string[] }> {
  const { database, clock } = dependencies;
  const { outcomeColumn, signal } = request;
  const record = await resolveVersion(database, request.modelId, request.version);
  const given = await readSource(dependencies, record, request.rows, { outcomeColumn, strict: true, signal });
  const { rows, source } = given;
  if (rows === 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${source} has no rows.`,
      'Give rows like those the model was trained on.',
    );
  const sample = randomRows(seededRandom(sampleSeed), rows, mostReferenceRows(given.features.length));
  const outcome = given.outcome && pickRows(given.outcome, sample);
  const logged = given.answers && ofLog(given.answers, rows, sample);
  const features = await profile({ columns: given.features, areAnswers: false, sample }, rows, signal);
  const answers = logged ?? (await ofScorer(dependencies, record, features.sample, sample.length));
  const answered = { columns: answers.compared, areAnswers: true, sample: new Uint32Array() };
  const predictions = await profile(answered, answers.rows, signal);
  const kept: ReferenceRows = {
    rows: sample.length,
    features: features.sample,
    ...answers.kept,
    outcome,
  };
  const outcomes = knownIn(outcome);
  const bytes = await runTask(
    { name: 'encodeRows', input: kept },
    sample.length * (kept.features.length + 3) <= quickCells,
    signal,
  );
  const written = {
    source,
    rows,
    features: features.profiles,
    predictions: predictions.profiles,
    kept: { rows: sample.length, outcomes, bytes },
  };
  const referenceId = await writeReferenceColumns(database, written, clock());
  await changeModel(
    dependencies,
    origin,
    { modelId: record.modelId, version: record.version },
    async (transaction, at) => {
      await insertReference(transaction, record, { referenceId, rows, source }, at, nameOf(origin.caller));
      return { result: undefined, before: undefined, after: { reference_id: referenceId, source, rows } };
    },
  );
  return {
    record,
    reference: await findReference(database, record, referenceId),
    warnings: [...given.warnings, ...answers.warnings],
  };
}

function profile(request: ProfileRequest, rows: number, signal: AbortSignal | undefined) {
  const isQuick = request.columns.length * rows <= quickCells;
  // The thread takes the memory of what it is given.
  const input = { ...request, sample: request.sample.slice() };
  return runTask({ name: 'profile', input }, isQuick, signal);
}

interface Answers {
  /** The columns that current answers will be compared with, and their rows. */
  compared: WindowColumn[];
  rows: number;
  /** What was answered to the rows that are kept. */
  kept: AnswerColumns;
  warnings: string[];
}

/** Of logged rows all answers are there. */
function ofLog(answers: AnswerColumns, rows: number, sample: Uint32Array): Answers {
  return {
    compared: loggedPredictions(answers),
    rows,
    kept: {
      values: answers.values.map((column) => pickRows(column, sample)),
      probabilities: answers.probabilities.map(({ label, values }) => ({
        label,
        values: Float64Array.from(sample, (row) => values[row] ?? Number.NaN),
      })),
    },
    warnings: [],
  };
}

/** Of given rows the kept ones are scored. */
async function ofScorer(
  { scorer }: ReferenceDependencies,
  record: VersionRecord,
  sample: readonly WindowColumn[],
  rows: number,
): Promise<Answers> {
  const scored = await scoreRows(scorer, record, sample, rows, rows);
  return {
    compared: loggedPredictions(scored),
    rows: scored.scored.length,
    kept: spreadAnswers(scored, rows),
    warnings: scored.warnings,
  };
}

function knownIn(outcome: WindowColumn | undefined): number {
  if (outcome === undefined) return 0;
  if (outcome.kind === 'numeric') return outcome.values.filter((value) => !Number.isNaN(value)).length;
  return outcome.codes.filter((code) => code >= 0).length;
}
