import { changeModel } from '../../access/change_model.ts';
import { nameOf, type Origin } from '../../access/origin.ts';
import { builtFile } from '../../built_file.ts';
import { ModelYardError } from '../../errors.ts';
import { resolveVersion } from '../../registry/resolve_version.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { seededRandom } from '../../statistics/random.ts';
import { randomRows } from '../../statistics/random_rows.ts';
import type { Database } from '../../storage/database.ts';
import type { Column } from '../../tables/column.ts';
import { heavyTask } from '../../threads/index.ts';
import { pickRows } from '../rows/compared_column.ts';
import { loggedPredictions } from '../rows/prediction_columns.ts';
import { type RowSource, readSource, type SourceDependencies } from '../rows/read_source.ts';
import { type AnswerColumns, type Scoring, scoreRows, spreadAnswers } from '../rows/score_rows.ts';
import type { ProfileRequest } from './profile_columns.ts';
import { findReference, type NewReference, newestReferenceId, type Reference } from './reference.ts';
import { maxReferenceRows, type ReferenceRows } from './reference_rows.ts';
import { insertReference, writeReferenceColumns } from './write_reference.ts';

export interface ReferenceDependencies extends SourceDependencies, Scoring {
  database: Database;
  clock: () => number;
}

export interface ReferenceRequest {
  modelId: string;
  version?: string | undefined;
  rows: RowSource;
  /** The column of given rows that holds the actual values (ground truth). */
  outcomeColumn?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Told what is done now, in words. */
  step?: ((what: string) => void) | undefined;
}

/** Of the rows that are kept whole: the same rows of the same data, every time. */
const sampleSeed = 1;
/** Values that are profiled in place; more take a thread. */
const quickCells = 20_000;

const profileColumns = heavyTask(
  builtFile('profile_columns.js'),
  'profileColumns',
  async () => (await import('./profile_columns.ts')).profileColumns,
);
const encodeRows = heavyTask(
  builtFile('reference_rows.js'),
  'encodeReferenceRows',
  async () => (await import('./reference_rows.ts')).encodeReferenceRows,
);

export interface SetReference {
  record: VersionRecord;
  reference: Reference;
  /** The reference that was compared with before; it is kept. */
  formerId: string | undefined;
  warnings: string[];
}

/**
 * Stores what the version's current rows will be compared with: the profile of every column, and a sample of whole
 * rows with what the version answers to them.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT, PATH_NOT_ALLOWED, NOT_ENOUGH_DATA, LIMIT_EXCEEDED
 */
export async function setReference(
  dependencies: ReferenceDependencies,
  request: ReferenceRequest,
  origin: Origin,
): Promise<SetReference> {
  const { database, clock } = dependencies;
  const record = await resolveVersion(database, request.modelId, request.version);
  const { warnings, ...written } = await makeReference(dependencies, record, request);
  const { source, rows } = written;
  request.step?.('keeping the reference');
  const formerId = await newestReferenceId(database, record);
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
    formerId,
    warnings,
  };
}

/**
 * Profiles rows as a reference of the version, without storing it.
 * @param wantsAnswers whether what the version answers to them is wanted: given rows are scored for it. Default true.
 * @throws as {@link setReference}
 */
export async function makeReference(
  dependencies: ReferenceDependencies,
  record: VersionRecord,
  {
    outcomeColumn,
    signal,
    step,
    ...request
  }: Pick<ReferenceRequest, 'rows' | 'outcomeColumn' | 'signal' | 'step'>,
  wantsAnswers = true,
): Promise<NewReference & { warnings: string[] }> {
  step?.('reading the reference');
  const given = await readSource(dependencies, record, request.rows, { outcomeColumn, strict: true, signal });
  const { rows, source } = given;
  if (rows === 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${source} has no rows.`,
      'Give rows like those the model was trained on.',
    );
  const sample = randomRows(seededRandom(sampleSeed), rows, maxReferenceRows(given.features.length));
  const outcome = given.outcome && pickRows(given.outcome, sample);
  const logged = given.answers && ofLog(given.answers, rows, sample);
  step?.(`profiling ${given.features.length} columns of ${rows} rows`);
  const features = await profile({ columns: given.features, areAnswers: false, sample }, rows, signal);
  if (logged === undefined && wantsAnswers) step?.('asking the version for its answers');
  const answers =
    logged ??
    (wantsAnswers ? await ofScorer(dependencies, record, features.sample, sample.length) : noAnswers);
  const answered = { columns: answers.compared, areAnswers: true, sample: new Uint32Array() };
  const predictions = await profile(answered, answers.rows, signal);
  const kept: ReferenceRows = {
    rows: sample.length,
    features: features.sample,
    ...answers.kept,
    outcome,
  };
  const outcomes = knownIn(outcome);
  const bytes = await encodeRows(kept, sample.length * (kept.features.length + 3) <= quickCells, signal);
  return {
    source,
    rows,
    features: features.profiles,
    predictions: predictions.profiles,
    kept: { rows: sample.length, outcomes, bytes },
    warnings: [...given.warnings, ...answers.warnings],
  };
}

function profile(request: ProfileRequest, rows: number, signal: AbortSignal | undefined) {
  const isQuick = request.columns.length * rows <= quickCells;
  // The thread takes the memory of what it is given.
  const input = { ...request, sample: request.sample.slice() };
  return profileColumns(input, isQuick, signal);
}

interface Answers {
  /** The columns that current answers will be compared with, and their rows. */
  compared: Column[];
  rows: number;
  /** What was answered to the rows that are kept. */
  kept: AnswerColumns;
  warnings: string[];
}

const noAnswers: Answers = { compared: [], rows: 0, kept: { values: [], probabilities: [] }, warnings: [] };

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
  dependencies: ReferenceDependencies,
  record: VersionRecord,
  sample: readonly Column[],
  rows: number,
): Promise<Answers> {
  const scored = await scoreRows(dependencies, record, sample, rows, rows);
  return {
    compared: loggedPredictions(scored),
    rows: scored.scored.length,
    kept: spreadAnswers(scored, rows),
    warnings: scored.warnings,
  };
}

function knownIn(outcome: Column | undefined): number {
  if (outcome === undefined) return 0;
  if (outcome.kind === 'numeric') return outcome.values.filter((value) => !Number.isNaN(value)).length;
  return outcome.codes.filter((code) => code >= 0).length;
}
