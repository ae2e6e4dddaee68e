import type { Random } from './random.ts';
import type { DriftMethod } from './result.ts';

/**
 * What a score exceeds with probability `level` without any drift. Costly: to be asked only when the answer
 * matters.
 */
export type NoiseBound = (level: number, random: Random) => number;

/** What a method found about one feature, before the verdict. */
export type Measurement =
  | {
      kind: 'test';
      method: 'ks_test' | 'chi_square';
      score: number;
      p_value: number;
      effect: number;
      /** What the guard against tiny effects looks at: D, or Cramér's V at equal sample sizes. */
      size: number;
      /** Present where p is known to be too small; see `noise` of a distance. */
      noise?: NoiseBound;
      note?: string;
    }
  | {
      kind: 'distance';
      method: 'psi' | 'kl_divergence' | 'js_distance' | 'wasserstein';
      score: number;
      noise: NoiseBound;
      note?: string;
    }
  | { kind: 'none'; method: DriftMethod; note: string };
