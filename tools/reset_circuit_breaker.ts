import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { modelId, version as versionName } from './schemas.ts';

export const resetCircuitBreaker = defineTool({
  name: 'reset_circuit_breaker',
  title: 'Reset a circuit breaker',
  description:
    'Closes the circuit breaker of a version at once, for all server processes, when the cause of its failures is gone. Without it the breaker lets a few calls try by itself after a while (health_check says when). Its count of trips is kept.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: versionName,
    reason: z.string().min(1).max(2000).optional().describe('Goes to the audit trail'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    was_open: z.boolean(),
    circuit_breaker: z.strictObject({ state: z.literal('closed'), trips: z.number(), reopens_at: z.null() }),
  }),
  async handle(services, input, { origin }) {
    const { version, wasOpen, trips } = await services.traffic.resetBreaker(
      input.model_id,
      input.version,
      origin,
    );
    return {
      model_id: input.model_id,
      version,
      was_open: wasOpen,
      circuit_breaker: { state: 'closed' as const, trips, reopens_at: null },
    };
  },
});
