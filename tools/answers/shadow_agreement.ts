import { z } from 'zod';
import type { ShadowAgreement } from '../../src/serving/describe_traffic.ts';

/** How a shadow version's answers compare with those given. */
export const shadowAgreement = z.strictObject({
  shadow_version: z.string(),
  primary_version: z.string(),
  calls: z.int(),
  errors: z.int(),
  rows: z.int(),
  agreement: z.number().nullable(),
});

export function describeAgreement(given: ShadowAgreement): z.output<typeof shadowAgreement> {
  return {
    shadow_version: given.shadowVersion,
    primary_version: given.primaryVersion,
    calls: given.calls,
    errors: given.errors,
    rows: given.rows,
    agreement: given.agreement,
  };
}
