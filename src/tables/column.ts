/** How the values of a column are compared: as numbers, categories or booleans. */
export type ColumnKind = 'numeric' | 'categorical' | 'boolean';

/**
 * Rows of one feature or prediction: numbers with NaN for missing, or categories with one code a row and −1 for
 * missing.
 */
export type Column =
  | { name: string; kind: 'numeric'; values: Float64Array }
  | { name: string; kind: 'categorical' | 'boolean'; categories: string[]; codes: Int32Array };

/** `any`: numeric when every value is a number, boolean when every one is a boolean, else categorical. */
export type WantedKind = ColumnKind | 'any';
