import type { Column } from '../../tables/column.ts';
import { columnBuilder } from './column_builder.ts';
import { jsonValues } from './values.ts';

/** Elements of an array answer that are compared; more columns would only add noise. */
const maxArrayColumns = 50;

/**
 * The columns of a prediction that are compared: the probability of each class as `P(class)` (of two classes only the
 * second, which determines the first), or else the value as `prediction`.
 */
export function loggedPredictions({
  values,
  probabilities,
}: {
  values: readonly Column[];
  probabilities: readonly { label: string; values: Float64Array }[];
}): Column[] {
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
 * Turns logged answers that are arrays, stored as JSON, into one column an element, as scoring does. Slow for many
 * different ones.
 */
export function splitArrays(column: Column): Column[] {
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
