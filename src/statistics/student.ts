import { incompleteBeta } from './incomplete_beta.ts';
import { confidenceLevel, type Interval, normalQuantile } from './interval.ts';

/** Above so many degrees of freedom the expansion about the normal quantile is exact to the last digits. */
const manyDegrees = 300;

/**
 * Student's t interval of a mean.
 *
 * @param deviation the sample's standard deviation (ddof 1)
 * @param count rows behind the mean, at least 2
 */
export function meanInterval(mean: number, deviation: number, count: number): Interval {
  const half = (studentQuantile(count - 1) * deviation) / Math.sqrt(count);
  return { low: mean - half, high: mean + half, method: 't' };
}

/**
 * The quantile of Student's t at (1 + {@link confidenceLevel})/2; SciPy's `t.ppf(0.975, degrees)`.
 *
 * @param degrees whole, at least 1
 */
export function studentQuantile(degrees: number): number {
  if (degrees > manyDegrees) return expandedQuantile(degrees);
  let low = 0;
  let high = 16;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (centralMass(middle, degrees) < confidenceLevel) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(T ≥ t) for Student's t. SciPy's `t.sf`. @param degrees > 0, not necessarily whole */
export function studentTail(t: number, degrees: number): number {
  const square = t * t;
  const half =
    0.5 * incompleteBeta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square));
  return t >= 0 ? half : 1 - half;
}

/**
 * The value of Student's t that is as improbable as the normal `z`, for tails of any thinness: Wallace's (1959) bounds
 * as one, of 18 degrees and up to z = 7 at most 1 % above SciPy's `t.isf(norm.sf(z), degrees)`, and never below it.
 *
 * @param degrees at least 1, not necessarily whole
 */
export function studentFromNormal(z: number, degrees: number): number {
  const scaled = (z * (8 * degrees + 3)) / (8 * degrees + 1);
  return Math.sqrt(degrees * Math.expm1((scaled * scaled) / degrees));
}

/** The inverse of {@link studentFromNormal}: the normal value as improbable as `t` ≥ 0. */
export function studentToNormal(t: number, degrees: number): number {
  return (Math.sqrt(degrees * Math.log1p((t * t) / degrees)) * (8 * degrees + 1)) / (8 * degrees + 3);
}

/** P(|T| ≤ t), a finite sum for whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4). */
function centralMass(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const square = Math.cos(angle) ** 2;
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k < degrees; k += 2) {
    term *= ((k - 1) / k) * square;
    sum += term;
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/** Abramowitz & Stegun 26.7.5. */
function expandedQuantile(degrees: number): number {
  const x = normalQuantile;
  const x2 = x * x;
  const g1 = (x2 + 1) / 4;
  const g2 = ((5 * x2 + 16) * x2 + 3) / 96;
  const g3 = (((3 * x2 + 19) * x2 + 17) * x2 - 15) / 384;
  const g4 = ((((79 * x2 + 776) * x2 + 1482) * x2 - 1920) * x2 - 945) / 92_160;
  return x * (1 + (g1 + (g2 + (g3 + g4 / degrees) / degrees) / degrees) / degrees);
}
