import type { Database } from '../../storage/database.ts';
import { versionOfKey } from '../deployed_version.ts';
import type { PlacedModel } from '../engine/engine.ts';

/** What this store has put into engines, as the database has it: what is left behind anywhere can be taken out later, by any process. */
export interface Placements {
  /**
   * Says that a version is about to be put there. Until `forMs` have passed it stays though it is not deployed.
   * @throws what the database throws
   */
  note(engine: string, name: string, model: PlacedModel, forMs: number): Promise<void>;
  /** From now on it stays only where it is deployed. */
  release(engine: string, name: string): Promise<void>;
  /** It is gone. One that was noted again since it was released is not forgotten. */
  forget(engine: string, name: string): Promise<void>;
  /** Names of what is in an engine and is neither deployed there nor about to be. */
  unwanted(engine: string): Promise<string[]>;
}

/** @param clock milliseconds since 1970 */
export function openPlacements(database: Database, clock: () => number): Placements {
  return {
    async note(engine, name, { key, artifact }, forMs) {
      const [modelId, version] = versionOfKey(key);
      const until = { spared_until: clock() + forMs };
      await database
        .insertInto('engine_placements')
        .values({ engine, name, model_id: modelId, version, artifact_sha256: artifact.sha256, ...until })
        .onConflict((conflict) => conflict.columns(['engine', 'name']).doUpdateSet(until))
        .execute();
    },

    async release(engine, name) {
      await database
        .updateTable('engine_placements')
        .set({ spared_until: 0 })
        .where('engine', '=', engine)
        .where('name', '=', name)
        .execute();
    },

    async forget(engine, name) {
      await database
        .deleteFrom('engine_placements')
        .where('engine', '=', engine)
        .where('name', '=', name)
        .where('spared_until', '<=', clock())
        .execute();
    },

    async unwanted(engine) {
      const rows = await unwantedPlacements(database, clock()).where('engine', '=', engine).execute();
      return rows.map(({ name }) => name);
    },
  };
}

/** Of all engines. A version that was deleted and made anew of other bytes is another one. */
function unwantedPlacements(database: Database, now: number) {
  return database
    .selectFrom('engine_placements')
    .select(['engine', 'name'])
    .where('spared_until', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('deployments')
            .innerJoin('versions', (join) =>
              join
                .onRef('versions.model_id', '=', 'deployments.model_id')
                .onRef('versions.version', '=', 'deployments.version'),
            )
            .select('deployments.engine')
            .whereRef('deployments.model_id', '=', 'engine_placements.model_id')
            .whereRef('deployments.version', '=', 'engine_placements.version')
            .whereRef('deployments.engine', '=', 'engine_placements.engine')
            .whereRef('versions.artifact_sha256', '=', 'engine_placements.artifact_sha256'),
        ),
      ),
    );
}
