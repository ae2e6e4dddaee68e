import { AggregatorRegistry, type Registry } from 'prom-client';

/** The numbers of several processes as one: sums, but for what says otherwise. */
export function mergeMetrics(processes: readonly (readonly object[])[]): Registry {
  return AggregatorRegistry.aggregate([...processes]);
}
