import { ModelYardError } from '../../errors.ts';
import type { ReadableFiles } from '../../files/file_access.ts';
import { findVersion } from '../../registry/lookup.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import { type CallerIds, usedBefore, usedForOthers } from '../caller_ids.ts';
import { newPredictionId } from '../prediction_id.ts';
import type { PredictionSink } from '../prediction_sink.ts';
import { type CheckedPrediction, predictionChecker } from './check_prediction.ts';
import { readTold, type ToldPredictions, type ToldRow } from './told_predictions.ts';

export interface LogDependencies extends ReadableFiles {
  database: Database;
  sink: Pick<PredictionSink, 'append'>;
  callerIds: CallerIds;
  /** How long the log keeps rows, milliseconds; undefined: for ever. */
  keptMs: number | undefined;
  clock: () => number;
}

export interface LogRequest {
  modelId: string;
  version: string;
  predictions: ToldPredictions;
}

export interface LogReport {
  version: string;
  logged: number;
  /** Rows whose prediction id is logged already, with the same content. */
  alreadyLogged: number;
  /** Ids of the first rows, in their order. */
  predictionIds: string[];
  warnings: string[];
}

/** Rows that one call accepts. */
const maxRows = 1_000_000;
const shownFaults = 3;
export const shownIds = 100;

/**
 * Logs predictions that a model made elsewhere, as if it had answered them here: for drift, performance and alerts. All
 * are checked before the first is logged; a prediction_id that was logged before with the same content is not again.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, PATH_NOT_ALLOWED, LIMIT_EXCEEDED; INVALID_INPUT naming the first rows that
 *   the version could not have answered so, and ids that were used for something else: then nothing is logged.
 */
export async function logPredictions(dependencies: LogDependencies, request: LogRequest): Promise<LogReport> {
  const { database, sink, callerIds, keptMs, clock } = dependencies;
  const { modelId, predictions } = request;
  const record = await findVersion(database, modelId, request.version);
  const now = clock();
  const check = predictionChecker(record, { now, keptMs });

  await checkAll(dependencies, record, predictions, check);

  const report: LogReport = {
    version: record.version,
    logged: 0,
    alreadyLogged: 0,
    predictionIds: [],
    warnings: [],
  };
  const unlisted = new Set<string>();
  let actualsPassedOver = 0;
  await readTold(predictions, record, dependencies, async (rows) => {
    const checked = rows.map((row) => soundRow(check, row));
    const known = await callerIds.claim({ modelId, version: record.version, at: now }, claimsOf(checked));
    const appended: Promise<void>[] = [];
    const inCall = new Set<string>();
    for (const row of checked) {
      const id = row.predictionId ?? newPredictionId();
      if (report.predictionIds.length < shownIds) report.predictionIds.push(id);
      const isKnown = known.has(id) || inCall.has(id);
      inCall.add(id);
      if (isKnown) {
        report.alreadyLogged++;
        if (row.actual !== null) actualsPassedOver++;
      } else {
        report.logged++;
        if (row.unlistedActual !== undefined) unlisted.add(row.unlistedActual);
      }
      // An id that was claimed but never logged (a server was killed in between) is logged now, once.
      if (isKnown && known.get(id)?.logged !== false) continue;
      appended.push(sink.append(entryOf(record, row, id, now)));
    }
    await Promise.all(appended);
  });
  if (report.logged + report.alreadyLogged === 0)
    throw new ModelYardError('INVALID_INPUT', 'There are no predictions.', 'Give at least one.');
  if (unlisted.size > 0)
    report.warnings.push(
      `Actual values that are none of the model's classes: ${[...unlisted].slice(0, 10).join(', ')}.`,
    );
  if (actualsPassedOver > 0)
    report.warnings.push(
      `The actual values of ${actualsPassedOver} predictions that were logged before are passed over: give them to record_outcomes.`,
    );
  return report;
}

/** Checks all rows first, so that nothing is logged when one is wrong. */
async function checkAll(
  dependencies: LogDependencies,
  record: VersionRecord,
  predictions: ToldPredictions,
  check: ReturnType<typeof predictionChecker>,
): Promise<void> {
  const { callerIds } = dependencies;
  const faults: string[] = [];
  const digests = new Map<string, { digest: string; place: string }>();
  let [rows, wrong] = [0, 0];
  await readTold(predictions, record, dependencies, async (some) => {
    rows += some.length;
    if (rows > maxRows)
      throw new ModelYardError(
        'LIMIT_EXCEEDED',
        `More than ${maxRows} predictions were given at once.`,
        'Give them in several calls. Nothing was logged.',
      );
    const sound: CheckedPrediction[] = [];
    for (const { told, place, fault } of some) {
      const checked = fault === undefined ? check(told) : { fault };
      const found = 'fault' in checked ? checked.fault : twice(checked, place);
      if (found !== undefined) {
        wrong++;
        if (faults.length < shownFaults) faults.push(`${place}: ${found}`);
      } else if (!('fault' in checked)) sound.push(checked);
    }
    const claims = claimsOf(sound);
    const known = await callerIds.known(
      record.modelId,
      claims.map(({ predictionId }) => predictionId),
    );
    const used = usedForOthers(claims, known);
    if (used.length > 0) throw usedBefore(record.modelId, used);
  });
  if (wrong > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${wrong} of ${rows} predictions cannot be ${record.modelId} ${record.version}'s. ${faults.join('; ')}${wrong > faults.length ? `; and ${wrong - faults.length} more` : ''}.`,
      'Correct them, or name the version that made them; get_model shows its features and classes. Nothing was logged.',
    );

  function twice({ predictionId, digest }: CheckedPrediction, place: string): string | undefined {
    if (predictionId === undefined) return undefined;
    const first = digests.get(predictionId);
    if (first === undefined) digests.set(predictionId, { digest, place });
    return first === undefined || first.digest === digest
      ? undefined
      : `prediction_id ${JSON.stringify(predictionId)} stands for another prediction in ${first.place}`;
  }
}

/** A row that was valid in the check: if it is not now, the file was changed meanwhile. */
function soundRow(check: ReturnType<typeof predictionChecker>, { told, place, fault }: ToldRow) {
  const checked = fault === undefined ? check(told) : { fault };
  if (!('fault' in checked)) return checked;
  throw new ModelYardError(
    'INVALID_INPUT',
    `The file was changed while it was read: ${place}: ${checked.fault}.`,
    'What stood before it was logged; with prediction_ids, logging the whole file again is harmless.',
  );
}

function claimsOf(rows: readonly CheckedPrediction[]): { predictionId: string; digest: string }[] {
  const claims = new Map<string, string>();
  for (const { predictionId, digest } of rows)
    if (predictionId !== undefined) claims.set(predictionId, digest);
  return Array.from(claims, ([predictionId, digest]) => ({ predictionId, digest }));
}

/** Each row is a call of its own. */
function entryOf(
  { modelId, version }: VersionRecord,
  row: CheckedPrediction,
  predictionId: string,
  now: number,
) {
  return {
    at: row.at ?? now,
    modelId,
    version,
    route: 'elsewhere' as const,
    entityKey: row.entityKey,
    latencyMs: row.latencyMs,
    predictionIds: [predictionId],
    features: row.features?.map(([name, value]): [string, unknown[]] => [name, [value]]) ?? null,
    values: [row.value],
    probabilities: [row.probabilities],
    error: null,
    ...(row.actual !== null && { outcomes: [row.actual] }),
    ...(row.predictionId !== undefined && { digests: [row.digest] }),
  };
}
