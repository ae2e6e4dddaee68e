import { readFileSync } from 'node:fs';
import { z } from 'zod';

const casesSchema = z.strictObject({
  sample_ratio: z.array(
    z.strictObject({
      weights: z.array(z.number()),
      counts: z.array(z.number()),
      statistic: z.number(),
      p_value: z.number(),
    }),
  ),
  share_bounds: z.array(z.strictObject({ successes: z.number(), trials: z.number(), low: z.number() })),
  quantile_bounds: z.array(z.strictObject({ sample: z.number(), bound: z.number() })),
  signatures: z.array(
    z.strictObject({ secret: z.string(), timestamp: z.number(), body: z.string(), signature: z.string() }),
  ),
});

/** What SciPy, NumPy and Python's hmac say; make_cases.py beside the file made it. */
export const cases = casesSchema.parse(
  JSON.parse(readFileSync(new URL('../../fixtures/alerts/cases.json', import.meta.url), 'utf8')),
);
