import { psi } from '../../../statistics/psi.ts';
import { binnedDistance } from './binned_distance.ts';

/** The population stability index; without drift it is distributed like (1/n + 1/m)·χ²(bins − 1). */
export const psiMethod = binnedDistance({
  name: 'psi',
  distance: psi,
  threshold: 0.2,
  severity: { moderate: 0.25, high: 1 },
  scoreLabel: 'PSI',
  scoreMeaning: 'Σ (c − r) ln (c / r)',
  chiSquareFactor: 1,
});
