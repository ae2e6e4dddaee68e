import type { HealthCheck } from '../monitoring/health/health_status.ts';
import type { LatestMeasurements } from '../monitoring/latest/latest_measurements.ts';
import type { Database } from '../storage/database.ts';
import { cached } from './cached.ts';
import type { Standings } from './model_standing.ts';
import { type Gauges, readGauges } from './read_gauges.ts';
import { type ModelsPage, type ModelsQuery, readModels } from './read_models.ts';
import { readRevision, type Watched } from './read_revision.ts';
import { readSummary, type Summary } from './read_summary.ts';

export interface OverviewNeeds {
  database: Database;
  standings: Standings;
  latestMeasurements: (modelIds: readonly string[]) => Promise<Map<string, LatestMeasurements>>;
  /** Of the store: database, disk, installation. */
  checks: () => Promise<HealthCheck[]>;
  clock: () => number;
}

/** How old what is shown may be, milliseconds: however many pages are open, the database is read that often. */
const pageAgeMs = 2_000;
const gaugesAgeMs = 5_000;

/**
 * What there is and how it does, as every process of the store sees it, for people's page and for Prometheus: bounded, and read
 * from the database at most every few seconds.
 */
export function openOverview({ database, standings, latestMeasurements, checks, clock }: OverviewNeeds) {
  const elapsed = () => performance.now();
  return {
    summary: cached<void, Summary>(pageAgeMs, elapsed, () => readSummary({ database, checks }, clock())),
    models: cached<ModelsQuery, ModelsPage>(pageAgeMs, elapsed, (query) =>
      readModels({ database, standings }, query, clock()),
    ),
    /** For whoever waits for a change; see read_revision.ts. */
    revision: (watched: Watched) => readRevision(database, watched),
    gauges: cached<void, Gauges>(gaugesAgeMs, elapsed, () =>
      readGauges({ database, latestMeasurements }, clock()),
    ),
  };
}
