import type { Split } from '../../prediction_log/assignments.ts';
import { readRoute } from '../../serving/stored_route.ts';
import type { Database } from '../../storage/database.ts';

/** How the calls of a model are split between versions, with what an A/B verdict needs to know. */
export interface SplitFound extends Split {
  /** The version that the others are compared with: the one with the most traffic. */
  baseline: string;
  /**
   * Whether a breaker of one of the versions opened in the window: calls then went elsewhere, so the split cannot be
   * checked.
   */
  wasInterrupted: boolean;
}

/**
 * The model's split within a window, from when the present weights were set. Where one version has all calls it is of the
 * whole window, which shadows are compared in; undefined where there are none either.
 */
export async function readSplit(
  database: Database,
  modelId: string,
  since: number,
  until: number,
  hasShadows: boolean,
): Promise<SplitFound | undefined> {
  const route = await readRoute(database, modelId);
  const versions = (route?.weights ?? []).flatMap(([version, weight]) =>
    weight > 0 ? [{ version, weight }] : [],
  );
  if (route === undefined) return undefined;
  const { sticky, activeVersion: baseline } = route;
  if (versions.length < 2)
    return hasShadows
      ? splitOf(database, { modelId, versions, sticky, setAt: 0, since, until, baseline, kind: 'active' })
      : undefined;
  const { changed_at } = await database
    .selectFrom('routes')
    .select('changed_at')
    .where('model_id', '=', modelId)
    .executeTakeFirstOrThrow();
  return splitOf(database, {
    modelId,
    versions,
    sticky,
    setAt: changed_at,
    since: Math.max(since, changed_at),
    until,
    baseline,
  });
}

/** A split, with what its breakers did since. */
export async function splitOf(
  database: Database,
  split: Omit<SplitFound, 'wasInterrupted'>,
): Promise<SplitFound> {
  const { modelId, versions, since, until } = split;
  const tripped = await database
    .selectFrom('breakers')
    .select('version')
    .where('model_id', '=', modelId)
    .where(
      'version',
      'in',
      versions.map(({ version }) => version),
    )
    .where('last_tripped_at', '>=', since)
    .where('last_tripped_at', '<', until)
    .executeTakeFirst();
  return { ...split, wasInterrupted: tripped !== undefined };
}
