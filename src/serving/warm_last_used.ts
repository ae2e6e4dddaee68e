import { embeddedEngine } from '../engine_settings.ts';
import { messageOf } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Engine } from './engine/engine.ts';
import type { ServedModels } from './served_models.ts';

/** A version that nobody has called for longer is loaded when it is called, milliseconds. */
const recentMs = 3_600_000;

/**
 * Loads one host of the deployed version that was called last, if that is no longer than an hour ago: each client has a
 * server of its own, and most go on where the one before ended. Nothing fails by it: where it cannot be done, the first
 * call finds out why.
 *
 * @returns when the host has begun to start, or it is known that none does
 */
export async function warmLastUsed({
  database,
  served,
  engine,
  logger,
  clock,
}: {
  database: Database;
  served: Pick<ServedModels, 'read'>;
  engine: Pick<Engine, 'rows'>;
  logger: Logger;
  clock: () => number;
}): Promise<void> {
  const tell = (error: unknown) =>
    logger.debug('the version that was called last could not be loaded', { detail: messageOf(error) });
  try {
    const last = await database
      .selectFrom('serving_totals')
      .innerJoin('deployments', (join) =>
        join
          .onRef('deployments.model_id', '=', 'serving_totals.model_id')
          .onRef('deployments.version', '=', 'serving_totals.version'),
      )
      .select(['serving_totals.model_id', 'serving_totals.version'])
      .where('serving_totals.last_call_at', '>', clock() - recentMs)
      .orderBy('serving_totals.last_call_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (last === undefined) return;
    const { versions } = await served.read(last.model_id);
    // Not among them where what is stored of it is damaged.
    const version = versions.get(last.version);
    const model = version?.engineModel;
    // An engine of another machine is warm.
    if (model !== undefined && (model.engine ?? embeddedEngine) === embeddedEngine)
      engine.rows(model).catch(tell);
  } catch (error) {
    tell(error);
  }
}
