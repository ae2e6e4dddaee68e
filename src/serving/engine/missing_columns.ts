import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, isFloat } from '../../tensors/datatypes.ts';
import { readElement, writeMissing } from '../../tensors/elements.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { NamedTensors } from './protocol.ts';
import { namesCategories, sizedInputs, warmupTensors } from './warmup.ts';

/** Rows of one run that asks the model. */
const rowsPerRun = 64;
const maxColumns = 10_000;

/** Which columns of an input take a missing value. */
export type NullableColumns = ReadonlyMap<string, readonly boolean[]>;

interface Column {
  input: string;
  column: number;
}

/**
 * Asks a model that was made to take missing values where it does: in rows of zeros with NaN in one column
 * each (and categories that the graph names, where it does not run on zeros). A column takes them when every number
 * that the model then answers is finite, as it is for the row of zeros alone. A model whose number of rows is fixed,
 * or whose inputs are not columns, is not asked.
 * @param run runs the model; when it fails, no column takes missing values.
 */
export async function nullableColumns(
  described: readonly TensorSpec[],
  known: readonly KnownInput[],
  run: (tensors: NamedTensors) => Promise<NamedTensors>,
): Promise<NullableColumns> {
  const inputs = sizedInputs(described, new Map(), known);
  const isTabular = inputs.every(
    ({ shape }) => shape[0] === -1 && shape.length <= 2 && (shape.length === 1 || shape[1] !== -1),
  );
  const columns = inputs
    .filter((input) => isFloat(input.datatype))
    .flatMap((input) =>
      Array.from({ length: input.shape[1] ?? 1 }, (_, column) => ({ input: input.name, column })),
    );
  if (!isTabular || columns.length > maxColumns) return new Map();
  const asked = await askColumns(inputs, columns, [], run);
  if (asked !== undefined) return asked;
  return (namesCategories(known) ? await askColumns(inputs, columns, known, run) : undefined) ?? new Map();
}

/** @returns undefined when the model does not run, or not to a finite answer, on the rows without a missing value. */
async function askColumns(
  inputs: readonly TensorSpec[],
  columns: readonly Column[],
  known: readonly KnownInput[],
  run: (tensors: NamedTensors) => Promise<NamedTensors>,
): Promise<NullableColumns | undefined> {
  const nullable = new Map<string, boolean[]>();
  try {
    for (let start = 0; start < columns.length; start += rowsPerRun) {
      const asked = columns.slice(start, start + rowsPerRun);
      const outputs = await run(rowsWithMissing(inputs, asked, known));
      if (!isFiniteRow(outputs, asked.length, asked.length + 1)) return undefined;
      asked.forEach(({ input, column }, row) => {
        const known = nullable.get(input) ?? [];
        known[column] = isFiniteRow(outputs, row, asked.length + 1);
        nullable.set(input, known);
      });
    }
  } catch {
    return undefined;
  }
  return nullable;
}

/** One row for each column asked, with NaN there and zeros elsewhere; then a row of zeros. */
function rowsWithMissing(
  inputs: readonly TensorSpec[],
  asked: readonly Column[],
  known: readonly KnownInput[],
): NamedTensors {
  const rows = asked.length + 1;
  const tensors = warmupTensors(
    inputs.map((input) => ({ ...input, shape: [rows, ...input.shape.slice(1)] })),
    0,
    known,
  );
  asked.forEach(({ input, column }, row) => {
    const tensor = tensors.get(input);
    if (tensor === undefined) return;
    writeMissing(tensor.data, row * (tensor.shape[1] ?? 1) + column, datatype(tensor.datatype));
  });
  return tensors;
}

/** Whether all floats of a row are finite; an output without one row per input row says nothing of any. */
function isFiniteRow(outputs: NamedTensors, row: number, rows: number): boolean {
  for (const tensor of outputs.values()) {
    if (!isFloat(tensor.datatype)) continue;
    if (tensor.shape[0] !== rows) return false;
    const width = tensor.data.length / rows;
    for (let column = 0; column < width; column++)
      if (readElement(tensor, row * width + column) === null) return false;
  }
  return true;
}
