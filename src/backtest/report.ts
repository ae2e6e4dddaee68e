import type { ComparableMetricName } from '../monitoring/performance/index.ts';

/** What is replayed, and on which two versions. */
export interface BacktestRequest {
  modelId: string;
  /** The candidate; a name or an alias. */
  version: string;
  /** The version that it is compared with; default: the active one, or else the one in production. */
  against?: string | undefined;
  rows:
    | { kind: 'window'; since: number; until: number }
    | {
        kind: 'path';
        path: string;
        /** The column with the actual values. */
        outcomeColumn?: string | undefined;
        /** The column that says whom a row is about; rows of one entity are one unit. */
        entityColumn?: string | undefined;
      };
  /** Of more rows a uniform random sample of so many is replayed. Default {@link defaultMaxRows}. */
  maxRows?: number | undefined;
  /** A feature by whose values agreement and metrics are shown apart. */
  segmentBy?: string | undefined;
}

export const defaultMaxRows = 100_000;
export const mostRows = 1_000_000;

/**
 * better, worse: at least one metric differs by more than chance explains, all such in that direction. mixed: some in each.
 * no_difference_shown: the evidence would not show a difference; that is not proof that there is none.
 * not_comparable: nothing could be measured, and the reason says why.
 */
export const backtestVerdicts = [
  'better',
  'worse',
  'mixed',
  'no_difference_shown',
  'not_comparable',
] as const;
export type BacktestVerdict = (typeof backtestVerdicts)[number];

/** What of one metric both versions reach on the same rows. */
export interface PairedMetric {
  /** `refusals`: the share of rows that a version cannot answer. */
  metric: ComparableMetricName | 'refusals';
  incumbent: number | null;
  candidate: number | null;
  /** candidate − incumbent, with its 95 % interval. */
  difference: number | null;
  interval: { low: number; high: number } | null;
  /** Two-sided; null where there is too little to test. */
  pValue: number | null;
  /** By Holm, over the metrics that can name a winner; null for others. */
  pAdjusted: number | null;
  test: 'mcnemar_exact' | 'paired_t';
  verdict: 'better' | 'worse' | 'no_difference_shown' | 'not_enough_data' | null;
  detail: string;
}

/** How often the two agree among some rows, and how the headline metric of each is there. */
export interface AgreementPart {
  rows: number;
  agreed: number;
  share: number | null;
  /** Rows with an outcome, and accuracy or mean absolute error on them. */
  outcomes: number;
  incumbent: number | null;
  candidate: number | null;
}

/** A range of a feature where they disagree more than elsewhere, beyond chance. */
export interface DisagreementRange extends Omit<AgreementPart, 'incumbent' | 'candidate' | 'outcomes'> {
  feature: string;
  range: string;
}

export interface LargestDifference {
  /** The prediction id, or the line of the file. */
  row: string;
  features: Record<string, unknown>;
  incumbent: unknown;
  candidate: unknown;
  /** The largest difference of a probability, or of the numbers; null where there is none. */
  difference: number | null;
  actual: unknown;
}

export interface Refusal {
  by: 'candidate' | 'incumbent';
  reason: string;
  rows: number;
}

/** Milliseconds of single-row runs on the same rows in turns. */
export interface RunTimes {
  runs: number;
  p50: number;
  p95: number;
}

export interface BacktestReport {
  modelId: string;
  candidate: string;
  incumbent: string;
  /** Where the rows came from. */
  source: string;
  /** Rows that there were, that were replayed, that both answered, and of these with an outcome. */
  rows: { available: number; replayed: number; compared: number; withOutcome: number };
  /** The seed of the draw, where fewer rows were replayed than there were. */
  sampleSeed: number | null;
  /** What the statistics count: entities where rows have entity keys, else calls. */
  units: { count: number; kind: 'rows' | 'units' };
  agreement: {
    rows: number;
    agreed: number;
    share: number | null;
    /** candidate − incumbent, of numbers. */
    meanDifference: number | null;
    meanAbsoluteDifference: number | null;
    segments: (AgreementPart & { segment: string })[];
    where: DisagreementRange[];
  };
  differences: LargestDifference[];
  /** Empty without outcomes, but for `refusals`. */
  metrics: PairedMetric[];
  verdict: BacktestVerdict;
  reason: string;
  /** Rows that a version could not answer. */
  refused: { candidate: number; incumbent: number; reasons: Refusal[] };
  latencyMs: { candidate: RunTimes | null; incumbent: RunTimes | null };
  warnings: string[];
}
