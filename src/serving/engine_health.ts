import { messageOf } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { engineKey } from './deployed_version.ts';
import type { Placements } from './remote/placements.ts';
import type { RemoteEngine } from './remote/remote_engine.ts';

/** How an engine of another machine is, seen from here. */
export interface EngineHealth {
  name: string;
  isUp: boolean;
  /** Versions deployed on it, and how many of those that were looked for it has ready. */
  deployed: number;
  lookedFor: number;
  ready: number;
  /** Versions that are not deployed on it any more and may still be loaded. */
  left: number;
  /** Why it could not be asked, where it could not. */
  fault: string | undefined;
}

const patienceMs = 3_000;
/** Versions of one engine that are looked for. */
const lookedFor = 50;

/** Asks every engine at once; none holds the others up. */
export function engineHealth({
  database,
  remotes,
  placements,
}: {
  database: Database;
  placements: Pick<Placements, 'unwanted'>;
  remotes: ReadonlyMap<string, RemoteEngine>;
}): Promise<EngineHealth[]> {
  return Promise.all(
    Array.from(remotes, async ([name, remote]) => {
      const rows = await deployedOn(database, name);
      const models = rows.slice(0, lookedFor);
      const left = (await placements.unwanted(name)).length;
      const common = { name, deployed: rows.length, lookedFor: models.length, left };
      try {
        const found = await remote.look(models, AbortSignal.timeout(patienceMs));
        return { ...common, ...found, fault: undefined };
      } catch (error) {
        return { ...common, isUp: false, ready: 0, fault: messageOf(error) };
      }
    }),
  );
}

async function deployedOn(database: Database, engine: string) {
  const rows = await database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .select(['deployments.model_id', 'deployments.version', 'artifact_sha256', 'artifact_bytes'])
    .where('deployments.engine', '=', engine)
    .orderBy('deployments.deployed_at', 'desc')
    .execute();
  return rows.map((row) => ({
    key: engineKey(row.model_id, row.version),
    engine,
    artifact: { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
  }));
}
