import { readRoute } from '../../serving/routes.ts';
import type { Database } from '../../storage/database.ts';
import type { Split } from './assignments.ts';

/** How the calls of a model are shared out, with what a verdict must know of it. */
export interface SplitFound extends Split {
  /** The version that the others are compared with: the one with the most traffic. */
  baseline: string;
  /** Whether a breaker of the versions opened since: then calls were sent elsewhere, and shares say nothing. */
  wasInterrupted: boolean;
}

/** Processes go on by the route before for half a second; two are plenty, milliseconds. */
const settlingMs = 2000;

/** The model's split within a window, since its weights are as they are; undefined where one version has all calls. */
export async function readSplit(
  database: Database,
  modelId: string,
  since: number,
  until: number,
): Promise<SplitFound | undefined> {
  const route = await readRoute(database, modelId);
  const versions = (route?.weights ?? []).flatMap(([version, weight]) =>
    weight > 0 ? [{ version, weight }] : [],
  );
  if (route === undefined || versions.length < 2) return undefined;
  const { changed_at } = await database
    .selectFrom('routes')
    .select('changed_at')
    .where('model_id', '=', modelId)
    .executeTakeFirstOrThrow();
  const start = Math.max(since, changed_at + settlingMs);
  const tripped = await database
    .selectFrom('breakers')
    .select('version')
    .where('model_id', '=', modelId)
    .where(
      'version',
      'in',
      versions.map(({ version }) => version),
    )
    .where('last_tripped_at', '>=', start)
    .executeTakeFirst();
  return {
    modelId,
    versions,
    sticky: route.sticky,
    since: start,
    until,
    baseline: route.activeVersion,
    wasInterrupted: tripped !== undefined,
  };
}
