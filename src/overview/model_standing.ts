import type { ModelHealth } from '../monitoring/health/check_models.ts';
import type { LatestMeasurements } from '../monitoring/latest/latest_measurements.ts';

/** A deployed version and what was measured of it last. */
export interface VersionStanding extends ModelHealth {
  latest: LatestMeasurements;
}

export interface ModelStanding {
  modelId: string;
  description: string | null;
  tags: Record<string, string>;
  /** All versions of the model. */
  versions: number;
  /** What is deployed, the most traffic first, as far as it is shown. */
  served: VersionStanding[];
  servedTotal: number;
  /** Of the last hour, every two minutes, the oldest first; empty where there were none. */
  calls: number[];
}

/** What is deployed of some models: its health, and what was measured of it last, by `model@version`. */
export type Standings = (
  modelIds: readonly string[],
) => Promise<{ versions: ModelHealth[]; latest: Map<string, LatestMeasurements> }>;
