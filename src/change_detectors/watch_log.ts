import type { Transaction } from 'kysely';
import { z } from 'zod';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import type { Database } from '../storage/database.ts';
import type { OnlineStreamRow, Tables } from '../storage/schema.ts';
import { readStored, type StoredPlace } from '../storage/stored_json.ts';
import { detectorStateSchema } from './detector.ts';
import {
  createStream,
  type Finding,
  findingSchema,
  progressSchema,
  type Stream,
  type StreamName,
  streamNames,
  watchCalls,
} from './streams.ts';

const watchedSchema = progressSchema.extend({ detectors: z.array(detectorStateSchema) });
const findingsSchema = z.array(findingSchema);
const streamName = z.enum(streamNames);

/** A change in the calls of a version. */
export interface StreamFinding extends Finding {
  modelId: string;
  version: string;
  stream: StreamName;
}

/**
 * Shows calls to the detectors of their versions, in the transaction that moves them to the database: each call is
 * seen exactly once, by whichever process moves it. Calls of one journal come in the order of time, those of several
 * processes within about a second of it. A shadow's calls are not looked at.
 *
 * On PostgreSQL, where transactions run side by side, the caller must have written the versions' rows of
 * `serving_totals` before: they are what keeps two movers from going on from the same state.
 */
export async function watchEntries(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const versions = new Map<string, PredictionEntry[]>();
  for (const entry of entries) {
    if (entry.shadow !== undefined) continue;
    const key = `${entry.modelId}@${entry.version}`;
    const group = versions.get(key);
    if (group === undefined) versions.set(key, [entry]);
    else group.push(entry);
  }
  for (const [, group] of [...versions].sort(([a], [b]) => (a < b ? -1 : 1)))
    await watchVersion(transaction, group);
}

async function watchVersion(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const [first] = entries;
  if (first === undefined) return;
  const { modelId, version } = first;
  const calls = entries
    .map(({ at, latencyMs, predictionIds, error }) => ({
      at,
      latencyMs,
      rows: predictionIds.length,
      failed: error !== null && error.fault !== 'caller',
    }))
    .sort((a, b) => a.at - b.at);
  const known = await transaction
    .selectFrom('online_streams')
    .select(['model_id', 'version', 'stream', 'detectors', 'findings'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .execute();
  const rows = streamNames.map((name) => {
    const stream = streamOf(
      name,
      known.find((row) => row.stream === name),
    );
    watchCalls(name, stream, calls);
    const { findings, ...watched } = stream;
    return {
      model_id: modelId,
      version,
      stream: name,
      detectors: JSON.stringify(watched),
      findings: JSON.stringify(findings),
      last_found_at: findings[0]?.at ?? null,
    };
  });
  await transaction
    .insertInto('online_streams')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['model_id', 'version', 'stream']).doUpdateSet((eb) => ({
        detectors: eb.ref('excluded.detectors'),
        findings: eb.ref('excluded.findings'),
        last_found_at: eb.ref('excluded.last_found_at'),
      })),
    )
    .execute();
}

type StoredStream = Pick<OnlineStreamRow, 'model_id' | 'version' | 'stream' | 'detectors' | 'findings'>;

/** @throws INTERNAL when it is damaged */
export function readStreamRow(row: StoredStream): Stream {
  const watched = readStored(watchedSchema, row.detectors, placeOf(row, 'detectors'));
  return { ...watched, findings: readStored(findingsSchema, row.findings, placeOf(row, 'findings')) };
}

/**
 * The stream as it was kept. One that is damaged begins anew: it follows from the calls, and is no reason to hold up the
 * move of predictions to the database.
 */
function streamOf(name: StreamName, row: StoredStream | undefined): Stream {
  if (row === undefined) return createStream(name);
  try {
    return readStreamRow(row);
  } catch {
    return createStream(name);
  }
}

function placeOf(
  { model_id, version, stream }: Pick<OnlineStreamRow, 'model_id' | 'version' | 'stream'>,
  column: 'detectors' | 'findings',
): StoredPlace<'online_streams'> {
  return { table: 'online_streams', column, of: `the ${stream} of ${model_id} ${version}` };
}

/**
 * What was found since a time, newest first; the log is to be flushed before.
 * @param since milliseconds since 1970.
 * @param damaged told of what cannot be read, which is left out then.
 * @throws INTERNAL naming what is damaged, where nobody is told
 */
export async function readFindings(
  database: Database,
  filter: { modelId?: string | undefined; version?: string | undefined; since: number },
  damaged?: (of: { modelId: string; version: string }, error: unknown) => void,
): Promise<StreamFinding[]> {
  let streams = database
    .selectFrom('online_streams')
    .select(['model_id', 'version', 'stream', 'findings'])
    .where('last_found_at', '>=', filter.since);
  if (filter.modelId !== undefined) streams = streams.where('model_id', '=', filter.modelId);
  if (filter.version !== undefined) streams = streams.where('version', '=', filter.version);
  const rows = await streams.execute();
  const read = (row: (typeof rows)[number]) => {
    try {
      return readStored(findingsSchema, row.findings, placeOf(row, 'findings'));
    } catch (error) {
      if (damaged === undefined) throw error;
      damaged({ modelId: row.model_id, version: row.version }, error);
      return [];
    }
  };
  return rows
    .flatMap((row) =>
      read(row)
        .filter(({ at }) => at >= filter.since)
        .map((finding) => ({
          modelId: row.model_id,
          version: row.version,
          stream: streamName.parse(row.stream),
          ...finding,
        })),
    )
    .sort((a, b) => b.at - a.at);
}
