import { z } from 'zod';

/** What of an answer is left out, and how it is had. */
export const notWhole = z.string().optional();

export const artifact = z.strictObject({ sha256: z.string(), bytes: z.int() });

/** An answer's signature: as the registry has it, with the datatypes' names not listed once more. */
const shownTensor = z.strictObject({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()),
  unranked: z.boolean().optional(),
});
const shownOutput = shownTensor.extend({
  role: z.string().optional(),
  classes: z.array(z.unknown()).meta({ items: {} }).optional(),
});
export const signature = z.strictObject({
  inputs: z.array(shownTensor),
  outputs: z.array(shownOutput),
  features: z.array(
    z.strictObject({
      name: z.string(),
      datatype: z.string(),
      input: z.string(),
      column: z.int(),
      nullable: z.boolean().optional(),
      missing_category: z.string().optional(),
    }),
  ),
  not_whole: notWhole,
});
export const warnings = z.array(z.string());

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
