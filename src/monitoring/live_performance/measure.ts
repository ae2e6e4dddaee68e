import { type Assigned, readAssignments, type Split } from './assignments.ts';
import {
  type MeasuringStore,
  measureVersion,
  type VersionMeasurement,
  type VersionRequest,
} from './measure_version.ts';

/** All that one question takes from the log. */
export interface MeasuringRequest {
  versions: VersionRequest[];
  split: Split | undefined;
}

export interface Measurement {
  /** In the order of the request. */
  versions: VersionMeasurement[];
  assigned: Assigned[];
}

/** Measures one version after the other, so that the columns of one are in memory. */
export async function measure(store: MeasuringStore, request: MeasuringRequest): Promise<Measurement> {
  const versions: VersionMeasurement[] = [];
  for (const version of request.versions) versions.push(await measureVersion(store, version));
  const assigned = request.split === undefined ? [] : await readAssignments(store.database, request.split);
  return { versions, assigned };
}
