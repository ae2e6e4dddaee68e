import { z } from 'zod';
import { readStored } from '../storage/stored_json.ts';

const weights = z.array(z.tuple([z.string(), z.number()]));

/** A route's versions and their shares of the calls, as the database keeps them. */
export function parseWeights(modelId: string, text: string): [version: string, weight: number][] {
  return readStored(weights, text, { table: 'routes', column: 'weights', of: `the route of ${modelId}` });
}
