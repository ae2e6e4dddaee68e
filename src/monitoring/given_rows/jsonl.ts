import { ModelYardError } from '../../errors.ts';
import { openJsonl } from '../../serving/file/jsonl_table.ts';
import { columnBuilder } from './column_builder.ts';
import { finishColumns, type GivenColumns, requireRoom, type WantedRows, wantedOf } from './given_columns.ts';
import { jsonValues } from './values.ts';

/**
 * The wanted columns of a JSON Lines file; of a version without named features those that its first lines have.
 * @throws INVALID_INPUT for a line that is no object and a file without any feature, LIMIT_EXCEEDED
 */
export async function readJsonl(
  path: string,
  shownPath: string,
  bytes: number,
  wanted: WantedRows,
): Promise<GivenColumns> {
  const table = await openJsonl(path, shownPath, bytes);
  try {
    const columns = wantedOf(table.columns, wanted, shownPath);
    const lines: number[] = [];
    const source = {
      reader: jsonValues,
      place: (row: number, name: string) => `${shownPath}, line ${lines[row]}, member "${name}"`,
      hint: 'Correct the value, or leave it null if it is missing.',
      strict: wanted.strict,
    };
    const built = columns.map((column) => ({ wanted: column, builder: columnBuilder(column, source) }));
    // A JSON Lines table looks at the features' names alone.
    const features = columns.map(({ name }) => ({ name, datatype: 'BYTES' as const, input: '', column: 0 }));
    const mapping = { features, entityColumn: undefined, outcomeColumn: undefined };
    for await (const { rows } of table.chunks(mapping))
      for (const { line, features: values, fault } of rows) {
        if (fault !== undefined)
          throw new ModelYardError(
            'INVALID_INPUT',
            `${shownPath}, line ${line}: ${fault}`,
            'Give one JSON object a line.',
          );
        lines.push(line);
        requireRoom(lines.length, columns.length, shownPath);
        for (const { wanted: column, builder } of built) builder.push(values[column.name] ?? null);
      }
    return finishColumns(built, table.columns, lines.length, wanted);
  } finally {
    await table.close();
  }
}
