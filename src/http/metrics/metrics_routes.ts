import type { FastifyInstance } from 'fastify';
import type { HttpContext } from '../http_context.ts';
import { mergeMetrics } from './merge_metrics.ts';
import { storeMetrics } from './store_metrics.ts';

/** `GET /metrics` in the text format of Prometheus: what all workers count, and what the store knows. */
export function metricsRoutes(app: FastifyInstance, { services, metricsOfAll }: HttpContext): void {
  app.get(
    '/metrics',
    { config: { permission: 'READ', operation: 'metrics', takesQuery: true } },
    async (_, reply) => {
      const { overview } = await services();
      const [processes, gauges] = await Promise.all([metricsOfAll(), overview.gauges()]);
      const merged = mergeMetrics(processes);
      const [counted, known] = await Promise.all([merged.metrics(), storeMetrics(gauges).metrics()]);
      return reply.type(merged.contentType).send(`${counted}\n${known}`);
    },
  );
}
