import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database, DatabaseAddress } from '../../storage/database.ts';
import { type AbTest, compareAbTest, listAbTests } from './ab_tests.ts';
import { type Measured, restingEvidence } from './evidence.ts';
import { measureOutcomes } from './measure_outcomes.ts';
import { createMeasurer } from './measurer.ts';
import { readLivePerformance } from './read_live_performance.ts';

export interface LivePerformanceNeeds {
  database: Database;
  address: DatabaseAddress;
  /**
   * Moves every answered prediction into the database, unless that takes too long.
   *
   * @returns warnings
   */
  flushLog: () => Promise<string[]>;
  clock: () => number;
}

export type LivePerformance = ReturnType<typeof openLivePerformance>;

/** The performance of versions in service, from their logged predictions and outcomes. */
export function openLivePerformance(
  { performanceThreshold: dropThreshold }: { performanceThreshold: number },
  { database, address, flushLog, clock }: LivePerformanceNeeds,
) {
  const measure = createMeasurer({ database, ...address });
  const measuring = { database, flushLog, measure, dropThreshold };
  return {
    /** What get_performance measures with. */
    measuring,
    /** For compare_models: from predictions of the last `windowMs`. Flush the log before. */
    ofVersions(versions: readonly VersionRecord[], windowMs: number) {
      const now = clock();
      return readLivePerformance(measuring, versions, { since: now - windowMs, now });
    },
    /** For MLflow: from `since` (inclusive) to `until` (exclusive). */
    measureOutcomes: (modelId: string, version: string, time: { since: number; until: number }) =>
      measureOutcomes(measuring, modelId, version, time),
    /** For MLflow: the A/B tests, and what one says. */
    abTests: () => listAbTests(database),
    compareAbTest: (test: AbTest, until: number) => compareAbTest(measuring, test, until),
    /** For alerts, which ask every minute. Flush the log before. @param measured hears of what was measured anew */
    evidence: (measured: Measured) => restingEvidence({ ...measuring, measured }, clock),
  };
}
