const pi2 = Math.PI ** 2;
const pi4 = Math.PI ** 4;
const pi6 = Math.PI ** 6;
const sqrt2Pi = Math.sqrt(2 * Math.PI);

/**
 * P(Dn ≤ x) of the two-sided one-sample Kolmogorov-Smirnov statistic for large n, by Pelz & Good (1976),
 * "Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic": K0(z) + K1(z)/√n +
 * K2(z)/n + K3(z)/n^1.5 with z = x√n, each Ki a theta series in e^(−π²/8z²) over the odd numbers (K2 and K3
 * with a second series over all numbers).
 */
export function pelzGoodProbability(n: number, x: number): number {
  const z2 = n * x * x;
  const z = Math.sqrt(z2);
  // Below this the probability is smaller than the smallest double.
  if (pi2 / (8 * z2) > 708) return 0;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const terms = Math.ceil((16 * z) / Math.PI);

  let k0 = 0;
  let k1 = 0;
  let k2 = 0;
  let k3 = 0;
  for (let term = terms; term >= 1; term--) {
    const odd2 = (2 * term - 1) ** 2;
    const odd4 = odd2 * odd2;
    const weight = Math.exp((-pi2 * odd2) / (8 * z2));
    k0 += weight;
    k1 += weight * ((pi2 / 4) * odd2 - z2);
    k2 +=
      weight * (6 * z6 + 2 * z4 + ((2 * z4 - 5 * z2) * pi2 * odd2) / 4 + (pi4 * (1 - 2 * z2) * odd4) / 16);
    k3 +=
      weight *
      (-30 * z6 -
        90 * z6 * z2 +
        (pi2 * (135 * z4 - 96 * z6) * odd2) / 4 +
        (pi4 * (212 * z4 - 60 * z2) * odd4) / 16 +
        (pi6 * (5 - 30 * z2) * odd2 * odd4) / 64);
  }

  let k2Rest = 0;
  let k3Rest = 0;
  for (let term = terms; term >= 1; term--) {
    const term2 = term * term;
    const weight = term2 * Math.exp((-pi2 * term2) / (2 * z2));
    k2Rest += weight;
    k3Rest += weight * (3 * z2 - pi2 * term2);
  }

  const root = Math.sqrt(n);
  const series0 = k0 / z;
  const series1 = k1 / (6 * z4) / root;
  const series2 = (k2 / (72 * z6 * z) - (pi2 * k2Rest) / (36 * z2 * z)) / n;
  const series3 = (k3 / (6480 * z4 * z6) + (pi2 * k3Rest) / (216 * z6)) / (n * root);
  return Math.min(1, Math.max(0, sqrt2Pi * (series0 + series1 + series2 + series3)));
}
