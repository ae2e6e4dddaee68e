import { columnBuilder } from './given_rows/column_builder.ts';
import { jsonValues } from './given_rows/values.ts';
import type { WindowColumn } from './log/window_column.ts';

/** More columns of a model that answers arrays would only make more noise. */
const maxArrayColumns = 50;

/**
 * The columns of answers that are compared: the probability of each class as `P(class)` (of two classes the second,
 * which says both), else the value as `prediction`.
 */
export function loggedPredictions({
  values,
  probabilities,
}: {
  values: readonly WindowColumn[];
  probabilities: readonly { label: string; values: Float64Array }[];
}): WindowColumn[] {
  if (probabilities.length === 0) return values.slice(0, maxArrayColumns);
  const shown = probabilities.length === 2 ? probabilities.slice(1) : probabilities;
  return shown.map(({ label, values: column }) => ({ name: `P(${label})`, kind: 'numeric', values: column }));
}

const elementSource = {
  reader: jsonValues,
  place: (row: number, name: string) => `Row ${row}, ${name}`,
  hint: '',
  strict: false,
};

/**
 * Answers that are arrays of numbers and texts are logged as JSON: as a column an element, as they are scored. Takes
 * a while for many different ones.
 */
export function splitArrays(column: WindowColumn): WindowColumn[] {
  if (column.kind !== 'categorical' || column.categories.length === 0) return [column];
  const { name, categories, codes } = column;
  const arrays: unknown[][] = [];
  for (const text of categories) {
    const array = arrayIn(text);
    if (array === undefined) return [column];
    arrays.push(array);
  }
  const width = arrays.reduce((widest, { length }) => Math.max(widest, length), 0);
  return Array.from({ length: Math.min(width, maxArrayColumns) }, (_, index) => {
    const builder = columnBuilder(
      { name: `${name}[${index}]`, kind: 'any' },
      elementSource,
      codes.length + 1,
    );
    for (const code of codes) {
      const element = arrays[code]?.[index];
      builder.push(Array.isArray(element) ? null : element);
    }
    return builder.finish().column;
  });
}

function arrayIn(text: string): unknown[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
