import type { z } from 'zod';
import { ModelYardError } from './errors.ts';

/** Where a page of a list ends, as a text that callers pass back unchanged. */
export function pageCursor(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/**
 * @param from the tool that gave it, and what must be as it was then
 * @throws INVALID_INPUT for a text that was not given out
 */
export function readPageCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string,
  from: { tool: string; same?: string },
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (cause) {
    const { tool, same } = from;
    throw new ModelYardError(
      'INVALID_INPUT',
      `cursor is not one that ${tool} gave${same === undefined ? '' : ` for this ${same}`}.`,
      `Pass next_cursor unchanged${same === undefined ? '' : `, with the ${same} of the page that it came with`}.`,
      { cause },
    );
  }
}
