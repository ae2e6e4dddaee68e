import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import { adwinStateSchema, updateAdwin } from './adwin.ts';
import type { Change } from './change.ts';
import { pageHinkleyStateSchema, updatePageHinkley } from './page_hinkley.ts';

export const detectorStateSchema = z.discriminatedUnion('kind', [adwinStateSchema, pageHinkleyStateSchema]);

/** A detector of either kind, as JSON.stringify keeps it without loss. */
export type DetectorState = z.infer<typeof detectorStateSchema>;

/** Takes one value, in the order of the stream. Changes `state`; a missing value leaves it as it is. */
export function updateDetector(state: DetectorState, value: number): Change | undefined {
  return state.kind === 'adwin' ? updateAdwin(state, value) : updatePageHinkley(state, value);
}

/**
 * The state that was kept as JSON.
 * @throws INVALID_INPUT when it is not the state of a detector.
 */
export function parseDetector(json: string): DetectorState {
  let stored: unknown;
  try {
    stored = JSON.parse(json);
  } catch (cause) {
    throw unreadable('it is no JSON', cause);
  }
  const parsed = detectorStateSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw unreadable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`, parsed.error);
}

function unreadable(reason: string, cause: unknown): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `The kept state of a detector cannot be read: ${reason}.`,
    'Start a new detector; it needs some values before it sees changes again.',
    { cause },
  );
}
