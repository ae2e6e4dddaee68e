import { z } from 'zod';
import { modelId, version as versionName } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const resetCircuitBreaker = defineTool({
  name: 'reset_circuit_breaker',
  title: 'Reset circuit breaker',
  description:
    "Closes a version's circuit breaker for all server processes, when the cause is gone. Else it tries a few calls itself later (health_check says when). Its trips are kept.",
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: versionName,
    reason: z.string().min(1).max(2000).optional(),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    was_open: z.boolean(),
    undo: z.string().optional(),
    circuit_breaker: z.strictObject({ state: z.literal('closed'), trips: z.int(), reopens_at: z.null() }),
  }),
  async handle(services, input, { origin }) {
    const { version, wasOpen, trips } = await services.serving.resetBreaker(
      input.model_id,
      input.version,
      origin,
    );
    return {
      model_id: input.model_id,
      version,
      was_open: wasOpen,
      ...(wasOpen && {
        undo: 'No call opens it: it opens by itself when calls fail again. set_traffic takes calls away from the version.',
      }),
      circuit_breaker: { state: 'closed' as const, trips, reopens_at: null },
    };
  },
});
