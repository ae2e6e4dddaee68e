import { z } from 'zod';
import type { ShadowMeasurement } from '../../src/monitoring/live_performance/index.ts';
import { agreementTolerance } from '../../src/serving/shadow.ts';
import { latency, latencyAnswer } from './latency.ts';

/** How a version's answers as a shadow compare with those given to the same calls. */
export const agreementFields = {
  calls: z.int(),
  failed_calls: z.int(),
  failed_rows: z.int(),
  rows: z.int().describe('Answered by both, paired by prediction_id'),
  agreed: z.int(),
  share: z.number().nullable(),
  tolerance: z.strictObject({ relative: z.number(), absolute: z.number() }).optional(),
  mean_difference: z.number().nullable().optional().describe('Shadow less primary'),
  mean_absolute_difference: z.number().nullable().optional(),
  primaries: z.array(z.strictObject({ version: z.string(), rows: z.int(), share: z.number().nullable() })),
  latency_ms: latency,
  primary_latency_ms: latency,
};

type AgreementAnswer = z.output<z.ZodObject<typeof agreementFields>>;

/** @param areClasses whether the answers are classes: those have neither tolerance nor difference */
export function agreementAnswer(
  { calls, failedCalls, failedRows, agreement, primaries, latencyMs, primaryLatencyMs }: ShadowMeasurement,
  areClasses: boolean,
): AgreementAnswer {
  const { rows, agreed, share } = agreement;
  return {
    calls,
    failed_calls: failedCalls,
    failed_rows: failedRows,
    rows,
    agreed,
    share,
    ...(!areClasses && numbersAnswer(agreement)),
    primaries: primaries.map((one) => ({
      version: one.version,
      rows: one.agreement.rows,
      share: one.agreement.share,
    })),
    latency_ms: latencyAnswer(latencyMs),
    primary_latency_ms: latencyAnswer(primaryLatencyMs),
  };
}

function numbersAnswer({
  meanDifference,
  meanAbsoluteDifference,
}: ShadowMeasurement['agreement']): Partial<AgreementAnswer> {
  return {
    tolerance: { ...agreementTolerance },
    mean_difference: meanDifference,
    mean_absolute_difference: meanAbsoluteDifference,
  };
}
