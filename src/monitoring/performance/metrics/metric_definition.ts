import type { ArmEstimate } from '../arm_estimate.ts';
import type { Calibration } from '../calibration.ts';
import type { AveragedScores, LabelScores } from '../label_scores.ts';
import type { Metric } from '../metric.ts';
import type { EncodedRows, ScoredRows } from '../rows.ts';
import type { SquaredErrors } from '../squared_errors.ts';
import type { Task } from '../task.ts';

/** Classified rows with known actual labels, and what several metrics are computed from. */
export interface JudgedClasses {
  task: Task;
  /** Rows with an actual and a predicted label. */
  count: number;
  scores: LabelScores;
  /** Scores of the positive class; of more than two classes their macro average. */
  headline: AveragedScores;
  /** The rows that have probabilities. */
  scored: ScoredRows;
  /** null without probabilities. */
  calibration: Calibration | null;
}

/** Rows of a regression with known actual values, one number a row, in the target's units. */
export interface JudgedNumbers {
  /** predicted − actual. */
  errors: Float64Array;
  absoluteErrors: Float64Array;
  squared: SquaredErrors;
}

/** Rows of one version whose calls were assigned to it, for comparing versions. */
export interface ComparedClasses {
  encoded: EncodedRows;
  /** The assignment unit of each encoded row, numbered from 0. */
  units: Int32Array;
  task: Task;
  /** undefined where the model gives no probabilities. */
  probabilities: { scored: ScoredRows; units: Int32Array } | undefined;
}

/** The same of a regression; NaN where a value is not known. */
export interface ComparedNumbers {
  actual: Float64Array;
  /** predicted − actual. */
  errors: Float64Array;
  units: Int32Array;
}

interface MetricFacts {
  /** As users write it and answers show it. */
  name: string;
  /** Which value is better. For `nearer_zero` neither more nor less is, and no drop is judged. */
  better: 'higher' | 'lower' | 'nearer_zero';
  /**
   * Where it appears beside the full answer. `drops`: compared with the reference; only a few that say different things,
   * since of many some would drop by chance. `charts`: written above charts. `segments`: in concise answers.
   */
  uses: readonly ('drops' | 'charts' | 'segments')[];
}

type ComparisonBy<Rows> = {
  /** The metric of one version's rows, with its variance over assignment units. */
  estimate: (rows: Rows) => ArmEstimate;
} & (
  | { namesWinner: true }
  | {
      /**
       * A metric that belongs to a whole sample and not to its rows: its difference has an interval, but names no winner,
       * because it depends on the rest of the sample in ways that sums by unit do not show.
       */
      namesWinner: false;
      /** The metrics that name one, for whoever asked for this. */
      instead: string;
    }
);

export interface ClassMetric extends MetricFacts {
  task: 'classification';
  /** Value and interval; undefined leaves the metric out of the answer. */
  measure: (rows: JudgedClasses) => Metric | undefined;
  /** Left out where versions cannot be compared by it. */
  comparison?: ComparisonBy<ComparedClasses>;
}

export interface NumberMetric extends MetricFacts {
  task: 'regression';
  measure: (rows: JudgedNumbers) => Metric | undefined;
  comparison?: ComparisonBy<ComparedNumbers>;
}
