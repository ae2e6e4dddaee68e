/**
 * A size in the analysis of rows: an integer times unknown sizes that are constant during a run, such as the length of
 * the texts. The number of rows of the run is one of these unknowns, called `rowsName`.
 */
export interface Size {
  factor: number;
  /** Names of unknown sizes, sorted; one that occurs twice is squared. */
  names: readonly string[];
}

export const rowsName = 'rows';

export function size(factor: number): Size {
  return { factor, names: [] };
}

export function named(name: string): Size {
  return { factor: 1, names: [name] };
}

export function times(a: Size, b: Size): Size {
  const factor = a.factor * b.factor;
  return { factor, names: factor === 0 ? [] : [...a.names, ...b.names].sort() };
}

/** a / b where that is a size for all values of the unknowns; otherwise undefined. */
export function over(a: Size, b: Size): Size | undefined {
  const factor = a.factor / b.factor;
  if (!Number.isInteger(factor)) return undefined;
  const names = [...a.names];
  for (const name of b.names) {
    const at = names.indexOf(name);
    if (at === -1) return undefined;
    names.splice(at, 1);
  }
  return { factor, names };
}

export function product(sizes: readonly Size[]): Size {
  return sizes.reduce(times, size(1));
}

export function sameSize(a: Size, b: Size): boolean {
  return (
    a.factor === b.factor && a.names.length === b.names.length && a.names.every((n, i) => n === b.names[i])
  );
}

/** The number that a size is; undefined where it is not known. */
export function numberOf(a: Size | undefined): number | undefined {
  return a === undefined || a.names.length > 0 ? undefined : a.factor;
}

export function isNumber(a: Size | undefined, value: number): boolean {
  return numberOf(a) === value;
}

/** Whether a size changes with the number of rows in the run. */
export function growsWithRows(a: Size | undefined): boolean {
  return a?.names.includes(rowsName) ?? false;
}
