import type { FastifyInstance } from 'fastify';
import { knownError } from '../../call_error.ts';
import type { HttpContext } from '../http_context.ts';
import { mergeMetrics } from './merge_metrics.ts';
import { storeAnswers, storeMetrics } from './store_metrics.ts';

/** `GET /metrics` in the text format of Prometheus: what all workers count, and what the store knows. */
export function metricsRoutes(app: FastifyInstance, { services, metricsOfAll }: HttpContext): void {
  app.get(
    '/metrics',
    { config: { permission: 'READ', operation: 'metrics', takesQuery: true } },
    async (_, reply) => {
      const { overview } = await services();
      const [processes, gauges] = await Promise.all([
        metricsOfAll(),
        overview.gauges().catch(undefinedWhileAway),
      ]);
      const merged = mergeMetrics(processes);
      const parts = [merged, storeAnswers(gauges !== undefined), ...(gauges ? [storeMetrics(gauges)] : [])];
      const texts = await Promise.all(parts.map((part) => part.metrics()));
      return reply.type(merged.contentType).send(texts.join('\n'));
    },
  );
}

/** What the processes count is wanted most while the database is away. */
function undefinedWhileAway(error: unknown): undefined {
  if (knownError(error).code !== 'STORAGE_UNAVAILABLE') throw error;
}
