import type { Migration } from 'kysely';
import { up as initial } from './0001_initial/index.ts';
import { up as rollouts } from './0002_rollouts.ts';
import { up as http } from './0003_http.ts';
import { up as mcpSessions } from './0004_mcp_sessions.ts';
import { up as latestMeasurements } from './0005_latest_measurements.ts';
import { up as storeFolders } from './0006_store_folders.ts';
import { up as engines } from './0007_engines.ts';
import { up as enginePlacements } from './0008_engine_placements.ts';

/** All migrations in the order of their names. One that was released is never edited: add another. */
export const migrations: Record<string, Migration> = {
  '0001_initial': { up: initial },
  '0002_rollouts': { up: rollouts },
  '0003_http': { up: http },
  '0004_mcp_sessions': { up: mcpSessions },
  '0005_latest_measurements': { up: latestMeasurements },
  '0006_store_folders': { up: storeFolders },
  '0007_engines': { up: engines },
  '0008_engine_placements': { up: enginePlacements },
};
