import { z } from 'zod';
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
