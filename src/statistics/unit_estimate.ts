/**
 * A value measured from rows that come in units (entities or calls), with a variance that allows for rows of one unit
 * being correlated: they carry less information than as many independent rows.
 */
export interface UnitEstimate {
  value: number;
  /** Variance of the value: the square of its standard error. */
  variance: number;
  /** Rows that it was measured from. */
  rows: number;
  /**
   * Units that weigh the same and say as much: (Σ rows)² / Σ rows², at most the number of units (Kish 1965; as the
   * effective number of clusters in Carter, Schnepel & Steigerwald 2017 where these are alike).
   */
  units: number;
  /** Of a share: units with at least one hit, and with at least one miss. */
  events: { hits: number; misses: number } | undefined;
}

/** The same with what each unit adds to the value's error. Of two models on the same rows this says how both vary together. */
export interface InfluencedEstimate extends UnitEstimate {
  /** By unit, in the value's units; they sum to 0. */
  influences: Float64Array;
}

/** Spreads below this share of the value are rounding error. */
const rounding = 1e-12;

/**
 * A mean over the rows of all units, Σ sums / Σ counts. As counts differ from unit to unit and are as random as the sums,
 * the variance is the delta method's, of the units' residuals sum − value·count: Deng, Knoblich & Lu (2018), "Applying
 * the delta method in metric analytics", equation 4.
 *
 * @param sums of the rows' values by unit, finite
 * @param counts rows by unit, ≥ 0
 * @returns undefined where no unit has a row
 */
export function meanOfUnits(sums: Float64Array, counts: Float64Array): InfluencedEstimate | undefined {
  const rows = total(counts);
  const value = total(sums) / rows;
  if (!(rows > 0 && Number.isFinite(value))) return undefined;
  const residuals = sums.map((sum, unit) => sum - value * (counts[unit] ?? 0));
  const influences = residuals.map((residual) => residual / rows);
  const variance = influenceVariance(influences, counts);
  const largest = sums.reduce((most, sum) => most + sum * sum, 0) / rows ** 2;
  return {
    value: value + 0,
    variance: variance > rounding ** 2 * largest ? variance : 0,
    rows,
    units: effectiveUnits(counts),
    events: undefined,
    influences,
  };
}

/**
 * {@link meanOfUnits} of rows that are hits or misses. Its variance is at least that of as many independent rows plus
 * one hit and one miss (Agresti & Caffo 2000), which keeps the variance of rare events from being too small.
 *
 * @param hits by unit, whole, at most the unit's count
 */
export function shareOfUnits(hits: Float64Array, counts: Float64Array): InfluencedEstimate | undefined {
  const mean = meanOfUnits(hits, counts);
  if (mean === undefined) return undefined;
  const share = (mean.value * mean.rows + 1) / (mean.rows + 2);
  const events = { hits: 0, misses: 0 };
  counts.forEach((count, unit) => {
    const own = hits[unit] ?? 0;
    if (own > 0) events.hits++;
    if (own < count) events.misses++;
  });
  return { ...mean, variance: Math.max(mean.variance, (share * (1 - share)) / mean.rows), events };
}

/**
 * Any other metric, by the influence of each unit: what the unit adds to the metric's error; influences sum to 0.
 *
 * @param influences by unit, in the metric's units, so that Σ influence² approximates its variance
 */
export function influencedByUnits(
  value: number,
  influences: Float64Array,
  counts: Float64Array,
): InfluencedEstimate | undefined {
  const rows = total(counts);
  const variance = influenceVariance(influences, counts);
  if (!(rows > 0 && Number.isFinite(value) && Number.isFinite(variance))) return undefined;
  return { value, variance, rows, units: effectiveUnits(counts), events: undefined, influences };
}

/** The square root of a mean, such as of squared errors, with its variance by the delta method. */
export function rootOf(mean: InfluencedEstimate): InfluencedEstimate {
  const value = Math.sqrt(mean.value);
  const slope = value > 0 ? 1 / (2 * value) : 0;
  const influences = mean.influences.map((influence) => influence * slope);
  return { ...mean, value, variance: mean.variance * slope ** 2, influences };
}

/** Σ residual²·m/(m − 1) over the m units that have rows. */
function influenceVariance(residuals: Float64Array, counts: Float64Array): number {
  const units = counts.reduce((sum, count) => sum + Number(count > 0), 0);
  if (units < 2) return 0;
  return (residuals.reduce((sum, residual) => sum + residual * residual, 0) * units) / (units - 1);
}

function effectiveUnits(counts: Float64Array): number {
  const squares = counts.reduce((sum, count) => sum + count * count, 0);
  return squares === 0 ? 0 : total(counts) ** 2 / squares;
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
