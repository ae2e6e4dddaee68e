import { jsDistance } from '../../../statistics/js_distance.ts';
import { likeKsDistance } from '../severity.ts';
import { binnedDistance } from './binned_distance.ts';

/** The Jensen-Shannon distance. */
export const jsDistanceMethod = binnedDistance({
  name: 'js_distance',
  distance: jsDistance,
  threshold: 0.1,
  severity: likeKsDistance,
  scoreLabel: 'JS distance',
  scoreMeaning: 'square root of the divergence, base 2',
  chiSquareFactor: undefined,
});
