/**
 * Half width of a confidence sequence after `count` observations, in standard errors: an interval that holds the true
 * value at all times at once with probability 1 − level, so it may be looked at after every observation and acted on.
 *
 * The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), "Time-uniform central
 * limit theory and asymptotic confidence sequences", theorem 2.2 (Robbins' normal mixture, as in the mSPRT of Johari,
 * Koomen, Pekelis & Walsh 2022): √(2(nρ² + 1)/(nρ²)·ln(√(nρ² + 1)/level)).
 *
 * @param count independent observations so far, n ≥ 1
 * @param tunedFor the count at which it is to be tightest; must not be chosen by looking at the data
 * @param level share of experiments that may ever miss the true value
 */
export function sequenceFactor(count: number, tunedFor: number, level: number): number {
  // Their equation for the ρ that is best at a time.
  const log = -2 * Math.log(level);
  const rho2 = (log + Math.log1p(log)) / tunedFor;
  const scale = count * rho2 + 1;
  return Math.sqrt(((2 * scale) / (count * rho2)) * Math.log(Math.sqrt(scale) / level));
}
