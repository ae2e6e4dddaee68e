import { klDivergence } from '../../../statistics/kl_divergence.ts';
import { binnedDistance } from './binned_distance.ts';

/** The Kullback-Leibler divergence; without drift it is distributed like half of PSI. */
export const klDivergenceMethod = binnedDistance({
  name: 'kl_divergence',
  distance: klDivergence,
  threshold: 0.1,
  severity: { moderate: 0.125, high: 0.5 },
  scoreLabel: 'KL divergence',
  scoreMeaning: 'KL (reference ‖ current), nats',
  chiSquareFactor: 0.5,
});
