import { setImmediate as turn } from 'node:timers/promises';
import { columnBuilder } from './column_builder.ts';
import { finishColumns, type GivenColumns, requireRoom, type WantedRows, wantedOf } from './given_columns.ts';
import { jsonValues } from './values.ts';

/** Cells that are read before other calls get their turn: a few milliseconds. */
const cellsAtOnce = 20_000;

/**
 * The records of a call as columns; a feature that a record lacks is missing there. Works in slices on the main
 * thread, since sending the records to another thread costs as much.
 *
 * @throws INVALID_INPUT for records without any feature and, when strict, for values of the wrong kind
 */
export async function readRecords(
  records: readonly Record<string, unknown>[],
  wanted: WantedRows,
): Promise<GivenColumns> {
  const shown = `${records.length} records of the call`;
  const seen = new Set<string>();
  let looked = 0;
  for (const record of records) {
    const keys = Object.keys(record);
    for (const key of keys) seen.add(key);
    looked += keys.length;
    if (looked > cellsAtOnce) {
      looked = 0;
      await turn();
    }
  }
  const names = [...seen];
  const columns = wantedOf(names, wanted, shown);
  requireRoom(records.length, columns.length, 'The call');
  const source = {
    reader: jsonValues,
    place: (row: number, name: string) => `Row ${row}, feature "${name}"`,
    hint: 'Correct the row, or leave the value empty (null) if it is missing.',
    strict: wanted.strict,
  };
  const built = columns.map((column) => ({
    wanted: column,
    builder: columnBuilder(column, source, Math.max(1, records.length)),
  }));
  for (const { wanted: column, builder } of built) {
    const { name } = column;
    for (const record of records) {
      builder.push(Object.hasOwn(record, name) ? record[name] : null);
      looked++;
      if (looked > cellsAtOnce) {
        looked = 0;
        await turn();
      }
    }
  }
  return finishColumns(built, names, records.length, wanted);
}
