import type { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import '../plain_messages.ts';
import type { Tables } from './schema.ts';

/** Where a text is stored, and what it describes, in words: `titanic 3`. */
export interface StoredPlace<Table extends keyof Tables & string> {
  table: Table;
  column: keyof Tables[Table] & string;
  of: string;
}

/**
 * What a column keeps as JSON. It was written by ModelYard: one that cannot be read was changed by something else.
 * @throws INTERNAL naming the table, the column and the row
 */
export function readStored<Schema extends z.ZodType, Table extends keyof Tables & string>(
  schema: Schema,
  text: string,
  place: StoredPlace<Table>,
): z.output<Schema> {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw damaged(place, 'it is no JSON', cause);
  }
  const parsed = schema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue?.path.join('.') ?? '';
  throw damaged(place, `${at === '' ? '' : `${at}: `}${issue?.message ?? 'not as expected'}`, parsed.error);
}

function damaged<Table extends keyof Tables & string>(
  { table, column, of }: StoredPlace<Table>,
  why: string,
  cause: unknown,
): ModelYardError {
  return new ModelYardError(
    'INTERNAL',
    `What the database keeps of ${of} is damaged: ${column} in the table ${table} cannot be read (${why}).`,
    'Run `modelyard verify` where the server runs: it lists all that is damaged, and what to do. Others are not affected.',
    { cause },
  );
}
