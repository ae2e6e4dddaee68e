import type { FastifyInstance } from 'fastify';
import type { HttpContext } from './http_context.ts';

/** Whether the process runs, and whether calls are wanted here: without a token, and by the paths of the Open Inference Protocol. */
export function healthRoutes(app: FastifyInstance, { isReady }: HttpContext): void {
  app.get('/v2/health/live', { config: { permission: 'none' } }, () => ({ live: true }));
  app.get('/v2/health/ready', { config: { permission: 'none' } }, (_, reply) =>
    reply.code(isReady() ? 200 : 503).send({ ready: isReady() }),
  );
}
