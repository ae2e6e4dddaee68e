/** Classified rows in columns of the same length. */
export interface ClassificationRows {
  /** What was the case; null where it is not known: such rows are left out. */
  actual: readonly (string | null)[];
  /** What the model said; null where it said nothing: such rows are left out. */
  predicted: readonly (string | null)[];
  probabilities?: ClassProbabilities | undefined;
}

export interface ClassProbabilities {
  /** The classes that the model gives probabilities for, each once. */
  classes: readonly string[];
  /**
   * Rows × classes, row by row. A row with a number that is not within 0 … 1 (NaN for a row without
   * probabilities) has none.
   */
  values: Float64Array;
}

/** Complete rows, labels as numbers. */
export interface EncodedRows {
  /** Every label that is actual or predicted in some row, in a stable order; see {@link sortLabels}. */
  labels: readonly string[];
  /** Positions in `labels`, one a row. */
  actual: Int32Array;
  predicted: Int32Array;
  /** Positions of the complete rows among the rows given. */
  source: Int32Array;
}

/** The rows whose probabilities are usable. */
export interface ScoredRows {
  classes: readonly string[];
  /** Rows × classes, row by row, each within 0 … 1. */
  values: Float64Array;
  /** Positions in `classes`, one a row; −1 for a label that the model gives no probability for. */
  actual: Int32Array;
  predicted: Int32Array;
}

/** Leaves out rows without an actual or a predicted label and numbers the labels of the others. */
export function encodeRows({ actual, predicted }: ClassificationRows): EncodedRows {
  const seen = new Set<string>();
  const complete: number[] = [];
  for (let row = 0; row < actual.length; row++) {
    const [truth, said] = [actual[row], predicted[row]];
    if (typeof truth !== 'string' || typeof said !== 'string') continue;
    complete.push(row);
    seen.add(truth);
    seen.add(said);
  }
  const labels = sortLabels(seen);
  const position = positionsOf(labels);
  const source = Int32Array.from(complete);
  return {
    labels,
    actual: source.map((row) => position.get(actual[row] ?? '') ?? -1),
    predicted: source.map((row) => position.get(predicted[row] ?? '') ?? -1),
    source,
  };
}

/** The complete rows that have probabilities. */
export function scoredRows(rows: EncodedRows, probabilities: ClassProbabilities | undefined): ScoredRows {
  const classes = probabilities?.classes ?? [];
  const given = probabilities?.values ?? new Float64Array(0);
  const width = classes.length;
  const usable =
    width === 0
      ? []
      : Array.from(rows.source.keys()).filter((row) => hasShares(given, rows.source[row] ?? 0, width));
  const values = new Float64Array(usable.length * width);
  usable.forEach((row, index) => {
    const start = (rows.source[row] ?? 0) * width;
    values.set(given.subarray(start, start + width), index * width);
  });
  const position = positionsOf(classes);
  const classOf = rows.labels.map((label) => position.get(label) ?? -1);
  return {
    classes,
    values,
    actual: Int32Array.from(usable, (row) => classOf[rows.actual[row] ?? -1] ?? -1),
    predicted: Int32Array.from(usable, (row) => classOf[rows.predicted[row] ?? -1] ?? -1),
  };
}

/** Whether a row of the table holds `width` numbers within 0 … 1. */
export function hasShares(values: Float64Array, row: number, width: number): boolean {
  for (let column = row * width; column < (row + 1) * width; column++) {
    const value = values[column] ?? Number.NaN;
    if (!(value >= 0 && value <= 1)) return false;
  }
  return true;
}

/** By value if every label is a number, otherwise by code units: the same for the same labels everywhere. */
export function sortLabels(labels: Iterable<string>): string[] {
  const distinct = [...new Set(labels)].sort();
  const areNumbers = distinct.every((label) => label.trim() !== '' && Number.isFinite(Number(label)));
  return areNumbers ? distinct.sort((left, right) => Number(left) - Number(right)) : distinct;
}

/** Where each label stands; of one that is there twice, the first place. */
export function positionsOf(labels: readonly string[]): Map<string, number> {
  const positions = new Map<string, number>();
  labels.forEach((label, index) => {
    if (!positions.has(label)) positions.set(label, index);
  });
  return positions;
}
