import { growsWithRows, isNumber, over, product, type Size, sameSize, size, times } from './sizes.ts';

/** A tensor whose rows are independent of one another, or that is the same whatever the rows are. */
export interface Flow {
  /** Undefined where not even the rank is known; only a tensor without rows may be so. */
  dims: readonly Size[] | undefined;
  /** Where the rows of the run lie; undefined: the tensor is the same whatever the rows are. */
  rows: Rows | undefined;
  /**
   * The elements of a short tensor of rank 0 or 1, as far as they are known: what shapes are computed from.
   * Only here may the number of rows be in a tensor that has no rows of its own.
   */
  elements?: readonly (Size | undefined)[] | undefined;
  /** Inside a Scan along the rows: the whole tensor belongs to the one row of this step. */
  ownRow?: true | undefined;
}

/**
 * Rows lie along `axis`, whose size is `outer` × the number of rows × an inner size: row r has the indices i with
 * floor(i / inner) mod rows = r. PyTorch merges the rows with heads or positions like that, and separates them again.
 */
interface Rows {
  axis: number;
  outer: Size;
}

/** A tensor whose rows are not known to be independent, and why. */
export interface Mixed {
  mixed: string;
}

export type Value = Flow | Mixed;

export function isMixed(value: Value): value is Mixed {
  return 'mixed' in value;
}

export function fixed(dims: readonly Size[] | undefined, elements?: readonly (Size | undefined)[]): Flow {
  return { dims, rows: undefined, elements };
}

/** A tensor whose rows lie along an axis, one index a row. */
export function along(axis: number, dims: readonly Size[]): Flow {
  return { dims, rows: { axis, outer: size(1) } };
}

/** The same rows with other dimensions; `axis` where they lie now. */
export function moved(from: Flow, dims: readonly Size[], axis = from.rows?.axis): Flow {
  return { dims, rows: from.rows && axis !== undefined ? { axis, outer: from.rows.outer } : undefined };
}

/** Whether a tensor holds the number of rows as a value: it may only be used for shapes. */
export function holdsRowCount({ elements }: Flow): boolean {
  return elements?.some(growsWithRows) ?? false;
}

export function sameRows(a: Flow, b: Flow): boolean {
  if (a.rows === undefined || b.rows === undefined) return a.rows === b.rows;
  const [one, other] = [a.dims?.[a.rows.axis], b.dims?.[b.rows.axis]];
  return (
    a.rows.axis === b.rows.axis &&
    sameSize(a.rows.outer, b.rows.outer) &&
    one !== undefined &&
    other !== undefined &&
    sameSize(one, other)
  );
}

/**
 * What numpy's broadcasting makes of tensors: rows that meet along one axis of the result stay apart. A tensor without
 * rows must have size 1 there: with any other size it would treat rows differently by their position in the run.
 * @param fresh gives a size that is not known.
 * @returns undefined where rows meet anything else.
 */
export function broadcast(inputs: readonly Flow[], fresh: () => Size): Flow | undefined {
  const ranked = inputs.flatMap(({ dims, rows }) => (dims === undefined ? [] : [{ dims, rows }]));
  if (ranked.length < inputs.length)
    return inputs.some(({ rows }) => rows !== undefined) ? undefined : fixed(undefined);
  const rank = Math.max(0, ...ranked.map(({ dims }) => dims.length));
  const aligned = ranked.map(({ dims, rows }) => {
    const missing = rank - dims.length;
    const whole = [...Array.from({ length: missing }, () => size(1)), ...dims];
    return { dims: whole, rows: rows && { axis: rows.axis + missing, outer: rows.outer } };
  });
  const first = aligned.find(({ rows }) => rows !== undefined);
  if (first?.rows !== undefined) {
    const { axis } = first.rows;
    for (const input of aligned)
      if (input.rows === undefined ? !isNumber(input.dims[axis], 1) : !sameRows(first, input))
        return undefined;
  }
  const dims = Array.from({ length: rank }, (_, axis) => {
    if (axis === first?.rows?.axis) return first.dims[axis] ?? fresh();
    const sizes = aligned.flatMap((input) => input.dims[axis] ?? []).filter((one) => !isNumber(one, 1));
    const [one = size(1)] = sizes;
    return sizes.every((other) => sameSize(one, other)) ? one : fresh();
  });
  return { dims, rows: first?.rows };
}

/**
 * A tensor in another shape of as many elements, which keep their order.
 * @param rows the number of rows of the run
 * @returns undefined where the rows do not lie along one axis of the new shape.
 */
export function reshaped(from: Flow, dims: readonly Size[], rows: Size): Flow | undefined {
  if (from.rows === undefined) return fixed(dims);
  if (from.dims === undefined) return undefined;
  const before = times(product(from.dims.slice(0, from.rows.axis)), from.rows.outer);
  for (const [axis, length] of dims.entries()) {
    const outer = over(before, product(dims.slice(0, axis)));
    if (outer === undefined) return undefined;
    if (over(length, times(outer, rows)) === undefined) continue;
    if (dims.some((other, at) => at !== axis && growsWithRows(other))) return undefined;
    return { dims, rows: { axis, outer } };
  }
  return undefined;
}
