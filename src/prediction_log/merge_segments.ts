import type { Database } from '../storage/database.ts';
import { dayOf, mergeSegments as merged, type Segment } from './segment.ts';
import {
  deleteSegments,
  type EncodedSegment,
  encodeSegment,
  fullTier,
  fullWeight,
  insertSegments,
  readSegment,
  tierFactor,
} from './segment_store.ts';

/** A process that merges for longer than this is presumed dead, and others take over, milliseconds. */
const claimMs = 120_000;
/** Most segments of one merge: the lowest tier may have many. */
const maxMerged = 256;

/**
 * Merges segments of the same version and day, oldest first, until none are left to merge, so that the log consists of
 * few, full segments even where rows come slowly. Segments of today are merged when there are several of similar
 * weight, those of past days all together. Each merge happens exactly once: the transaction that inserts the new
 * segment deletes the merged ones, and is rolled back if one of them has been changed or is gone. Claims only keep
 * several processes from doing the same work.
 * @param maxWeight heavier merges are left to others.
 * @returns whether heavier merges are left.
 */
export async function mergeSegments(
  database: Database,
  options: { now: () => number; maxWeight: number },
): Promise<boolean> {
  for (;;) {
    const groups = await groupsToMerge(database, options.now());
    const light = groups.filter(({ weight }) => Math.min(weight, 2 * fullWeight) <= options.maxWeight);
    let hasMerged = false;
    for (const group of light) hasMerged = (await mergeGroup(database, group, options.now)) || hasMerged;
    if (!hasMerged) return groups.length > light.length;
  }
}

interface Group {
  model_id: string;
  version: string;
  day: number;
  /** undefined: all segments of a past day that are not full. */
  tier: number | undefined;
  weight: number;
}

async function groupsToMerge(database: Database, now: number): Promise<Group[]> {
  const today = dayOf(now);
  const found = await database
    .selectFrom('prediction_segments')
    .select((eb) => [
      'model_id',
      'version',
      'day',
      'tier',
      eb.fn.countAll<number>().as('segments'),
      eb.fn.sum<number>('weight').as('weight'),
    ])
    .where('tier', '<', fullTier)
    .where('claimed_until', '<=', now)
    .groupBy(['model_id', 'version', 'day', 'tier'])
    .execute();
  const groups = found.map((group) => ({
    ...group,
    segments: Number(group.segments),
    weight: Number(group.weight),
  }));
  const past = new Map<string, Group>();
  for (const { segments, ...group } of groups.filter(({ day }) => day < today)) {
    const key = JSON.stringify([group.model_id, group.version, group.day]);
    const weight = group.weight + (past.get(key)?.weight ?? 0);
    past.set(key, { ...group, tier: undefined, weight });
  }
  const present = groups.filter(
    ({ day, segments, weight }) =>
      day >= today && (segments >= tierFactor || (segments > 1 && weight >= fullWeight)),
  );
  return [...past.values(), ...present];
}

async function mergeGroup(database: Database, group: Group, now: () => number): Promise<boolean> {
  const { tier } = group;
  let query = database
    .selectFrom('prediction_segments')
    .select(['segment_id', 'weight'])
    .where('model_id', '=', group.model_id)
    .where('version', '=', group.version)
    .where('day', '=', group.day)
    .where('claimed_until', '<=', now());
  query = tier === undefined ? query.where('tier', '<', fullTier) : query.where('tier', '=', tier);
  const candidates = await query.orderBy('min_at').orderBy('segment_id').limit(maxMerged).execute();
  let weight = 0;
  const chosen = candidates.filter((candidate) => {
    if (weight >= fullWeight) return false;
    weight += candidate.weight;
    return true;
  });
  const [only] = chosen;
  if (only === undefined) return false;
  if (chosen.length === 1) {
    if (tier === undefined) await close(database, only.segment_id);
    return tier === undefined;
  }
  return mergeChosen(database, group, chosen, now);
}

/** Marks a segment as one that is no longer merged. */
async function close(database: Database, segmentId: string): Promise<void> {
  await database
    .updateTable('prediction_segments')
    .set({ tier: fullTier })
    .where('segment_id', '=', segmentId)
    .execute();
}

async function mergeChosen(
  database: Database,
  group: Group,
  chosen: readonly { segment_id: string }[],
  now: () => number,
): Promise<boolean> {
  const rows = await database
    .updateTable('prediction_segments')
    .set({ claimed_until: now() + claimMs })
    .where(
      'segment_id',
      'in',
      chosen.map(({ segment_id }) => segment_id),
    )
    .where('claimed_until', '<=', now())
    .returning(['segment_id', 'model_id', 'version', 'day', 'rows', 'revision', 'outcomes_at'])
    .execute();
  const segments: Segment[] = [];
  for (const row of rows) {
    const segment = await readSegment(database, row);
    if (segment !== undefined) segments.push(segment);
  }
  const revisions = new Map(rows.map(({ segment_id, revision }) => [segment_id, revision]));
  if (rows.length > 1 && segments.length === rows.length) {
    const encoded = encodeSegment(
      merged(segments),
      Math.max(...rows.map(({ outcomes_at }) => Number(outcomes_at))),
    );
    // A past day gets no more rows except late ones.
    if (group.tier === undefined) encoded.row.tier = fullTier;
    if (await replace(database, revisions, encoded)) return true;
  }
  if (rows.length > 0)
    await database
      .updateTable('prediction_segments')
      .set({ claimed_until: 0 })
      .where('segment_id', 'in', [...revisions.keys()])
      .execute();
  return false;
}

const changedMeanwhile = new Error('a segment was changed meanwhile');

/** Replaces segments with one; does nothing when one of them has changed since it was read. */
async function replace(
  database: Database,
  revisions: ReadonlyMap<string, number>,
  encoded: EncodedSegment,
): Promise<boolean> {
  try {
    await database.transaction().execute(async (transaction) => {
      const deleted = await deleteSegments(transaction, [...revisions.keys()]);
      for (const [segmentId, revision] of revisions)
        if (deleted.get(segmentId) !== revision) throw changedMeanwhile;
      await insertSegments(transaction, [encoded]);
    });
    return true;
  } catch (error) {
    if (error === changedMeanwhile) return false;
    throw error;
  }
}
