import { setImmediate as turn } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import { type ReadableFiles, withReadable } from '../../files/file_access.ts';
import { formatOf } from '../../tables/formats.ts';
import { withTable } from '../../tables/open_table.ts';
import type { Table } from '../../tables/table.ts';

/** Outcomes as a caller gives them: in the call, or as a file with the columns prediction_id and actual. */
export type GivenOutcomes =
  | { kind: 'records'; outcomes: readonly { predictionId: string; actual: unknown }[] }
  | { kind: 'path'; path: string };

export interface GivenOutcome {
  predictionId: string;
  actual: unknown;
  /** How its place is called in an error: `outcomes[3]`, or `line 5`. */
  place: string;
}

/** What one call takes: memory for a few hundred megabytes of ids. */
const maxOutcomes = 1_000_000;
const idColumn = 'prediction_id';
const actualColumn = 'actual';

/** @throws INVALID_INPUT, PATH_NOT_ALLOWED, LIMIT_EXCEEDED */
export async function readGivenOutcomes(given: GivenOutcomes, files: ReadableFiles): Promise<GivenOutcome[]> {
  if (given.kind === 'records') {
    requireLimit(given.outcomes.length);
    return given.outcomes.map((outcome, index) => ({ ...outcome, place: `outcomes[${index}]` }));
  }
  const { path: shownPath } = given;
  const format = formatOf(shownPath);
  return withReadable(shownPath, files, ({ fd, bytes }) =>
    withTable({ format, path: fd, shownPath, bytes }, (table) => readTable(table, shownPath)),
  );
}

async function readTable<Carried>(table: Table<Carried>, shownPath: string): Promise<GivenOutcome[]> {
  const absent = [idColumn, actualColumn].filter((name) => !table.columns.includes(name));
  if (absent.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} has no column ${absent.join(' and no column ')}.`,
      `Name the columns ${idColumn} and ${actualColumn}; it has ${table.columns.slice(0, 40).join(', ')}.`,
    );
  const outcomes: GivenOutcome[] = [];
  const mapping = { features: [], entityColumn: idColumn, outcomeColumn: actualColumn };
  for await (const { rows } of table.chunks(mapping)) {
    for (const { line, fault, entityKey, outcome } of rows) {
      if (fault !== undefined || entityKey === null)
        throw new ModelYardError(
          'INVALID_INPUT',
          `${shownPath}, line ${line}: ${fault ?? `the ${idColumn} is empty.`}`,
          'Correct the line; nothing was recorded.',
        );
      outcomes.push({ predictionId: entityKey, actual: outcome, place: `line ${line}` });
    }
    requireLimit(outcomes.length);
    // The next rows may be in memory already.
    await turn();
  }
  return outcomes;
}

function requireLimit(count: number): void {
  if (count > maxOutcomes)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `More than ${maxOutcomes} outcomes were given at once.`,
      'Give them in several calls; repeating some is harmless.',
    );
}
