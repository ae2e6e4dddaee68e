import {
  type CorrelationChanges,
  type CorrelationPair,
  correlationChanges,
} from '../../statistics/correlation_change.ts';
import {
  energyDistances,
  energyParts,
  meanDistanceBetween,
  pooledDistances,
} from '../../statistics/energy_distance.ts';
import { type Split, sharesAtLeast } from '../../statistics/splits.ts';
import type { MultivariateResult } from './multivariate_result.ts';

/** Features and pairs that are named at most. */
const maxNamed = 10;

/** The result of the test, before the verdict. */
export interface JointMeasurement {
  score: number;
  /** Of each part and every split. */
  pValues: Float64Array[];
  parts: MultivariateResult['parts'];
  contributions: (nameOf: (feature: number) => string) => MultivariateResult['contributions'];
  changedPairs: (nameOf: (feature: number) => string) => MultivariateResult['changed_pairs'];
}

/**
 * The statistics of a joint comparison over all splits: the energy distance and the largest change of a correlation.
 *
 * @param ranks standardised, one array a feature
 * @param paired the features whose correlations are looked at
 * @param splits the observed one first
 * @param level pairs are named that changed more than the largest change of all does with this probability
 */
export function measureJointly(
  ranks: readonly Float64Array[],
  paired: readonly number[],
  splits: readonly Split[],
  level: number,
): JointMeasurement {
  const [observed = new Uint16Array()] = splits;
  const pooled = pooledDistances(ranks);
  const energies = energyDistances(pooled, splits);
  const energyP = sharesAtLeast(energies);
  const changes = correlationChanges(
    paired.map((feature) => ranks[feature] ?? new Float64Array()),
    splits,
  );
  const changeP = sharesAtLeast(changes.largest);
  const score = Math.max(0, energies[0] ?? 0);
  const byChance = mean(energies.subarray(1));
  const changed = pairsBeyondChance(changes, level);
  // By what share the sides are further apart than rows are anyway, as if the features were one: a shift of a normal
  // feature by δ deviations makes about δ²/4, whose root is near the D that it makes (Székely & Rizzo's coefficient H).
  const apart = (score - byChance) / (2 * meanDistanceBetween(pooled, observed));
  const energyEffect = Math.min(
    1,
    Math.sqrt(Math.max(0, apart * independentFeatures(ranks.length, changes.pairs))),
  );
  const largestChange = Math.max(0, ...changed.map(({ inside, outside }) => Math.abs(inside - outside)));
  return {
    score,
    pValues: [energyP, changeP],
    parts: [
      { name: 'energy', p_value: energyP[0] ?? 1, effect: energyEffect },
      { name: 'correlation', p_value: changeP[0] ?? 1, effect: Math.min(1, largestChange) },
    ],
    contributions: (nameOf) => {
      // What sampling noise adds to every feature alike is subtracted first.
      const shares = energyParts(ranks, pooled, observed).map((part) =>
        Math.max(0, part - byChance / ranks.length),
      );
      const all = shares.reduce((sum, share) => sum + share, 0);
      return Array.from(shares, (share, feature) => ({
        feature: nameOf(feature),
        share: share / Math.max(all, 1e-300),
      }))
        .sort((one, other) => other.share - one.share)
        .slice(0, maxNamed);
    },
    changedPairs: (nameOf) =>
      changed.slice(0, maxNamed).map(({ one, other, inside, outside }) => ({
        features: [nameOf(paired[one] ?? 0), nameOf(paired[other] ?? 0)],
        reference: inside,
        current: outside,
      })),
  };
}

/** Pairs whose change exceeds what the largest change over all pairs reaches by chance; largest |Δr| first. */
function pairsBeyondChance({ largest, pairs }: CorrelationChanges, level: number): CorrelationPair[] {
  const byChance = largest.subarray(1).toSorted();
  const bound = byChance[Math.min(byChance.length - 1, Math.ceil((1 - level) * byChance.length))] ?? 0;
  const size = ({ inside, outside }: CorrelationPair) => Math.abs(inside - outside);
  return pairs.filter(({ change }) => change >= bound).sort((one, other) => size(other) - size(one));
}

/**
 * Effective number of independent features: k² / Σ r², the participation ratio of the correlation matrix, estimated
 * from the pairs that were compared.
 */
function independentFeatures(features: number, pairs: readonly CorrelationPair[]): number {
  const squares = pairs.reduce((sum, { inside, outside }) => sum + ((inside + outside) / 2) ** 2, 0);
  const meanSquare = pairs.length === 0 ? 0 : squares / pairs.length;
  return features / (1 + (features - 1) * meanSquare);
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
