import type { ChartSpec } from '../../../src/monitoring/charts/index.ts';

/** All rows of data in a chart that have the field, in their order. */
export function rowsWith(field: string, chart: ChartSpec): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  const search = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    if ('values' in value && Array.isArray(value.values)) {
      found.push(...value.values.filter((row) => typeof row === 'object' && row !== null && field in row));
    }
    for (const inner of Object.values(value)) search(inner);
  };
  search(chart);
  return found;
}

/** The title and the lines below it. */
export function headOf(chart: ChartSpec): string {
  return JSON.stringify(chart.title);
}
