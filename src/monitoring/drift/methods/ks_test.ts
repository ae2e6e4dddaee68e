import { ksTest } from '../../../statistics/ks_test.ts';
import { likeKsDistance } from '../severity.ts';
import type { Method } from './method.ts';

/** The two-sample Kolmogorov-Smirnov test of numbers; its effect is D itself. */
export const ksTestMethod: Method<'ks_test'> = {
  name: 'ks_test',
  kind: 'test',
  threshold: undefined,
  severity: likeKsDistance,
  scoreLabel: 'KS distance',
  effectLabel: 'KS distance',
  scoreMeaning: 'D, the largest distance of the two distribution functions',
  simulatesNoise: false,
  measureNumbers: (reference, current) => {
    const { statistic, p_value } = ksTest(reference.sorted, current);
    return { kind: 'test', method: 'ks_test', score: statistic, p_value, effect: statistic, size: statistic };
  },
};
