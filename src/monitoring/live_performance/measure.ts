import { type Assigned, readAssignments, type Split } from '../../prediction_log/assignments.ts';
import {
  type MeasuringStore,
  measureVersion,
  type VersionMeasurement,
  type VersionRequest,
} from './measure_version.ts';

/** One request to measure versions, by get_performance, alerts or compare_models. */
export interface MeasuringRequest {
  versions: VersionRequest[];
  split: Split | undefined;
}

export interface Measurement {
  /** In the order of the request. */
  versions: VersionMeasurement[];
  assigned: Assigned[];
}

/** Measures the versions one after another, so that the columns of only one are in memory at a time. */
export async function measure(store: MeasuringStore, request: MeasuringRequest): Promise<Measurement> {
  const versions: VersionMeasurement[] = [];
  for (const version of request.versions) versions.push(await measureVersion(store, version));
  const assigned = request.split === undefined ? [] : await readAssignments(store.database, request.split);
  return { versions, assigned };
}
