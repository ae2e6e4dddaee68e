import type { FastifyInstance } from 'fastify';
import type { HttpContext } from '../http_context.ts';
import { descriptions } from './descriptions.ts';
import { openApiDocument } from './document.ts';

/** The OpenAPI document of what this server answers. */
export function openApiRoutes(app: FastifyInstance, context: HttpContext): void {
  let document: string | undefined;
  app.get('/openapi.json', { config: { permission: 'READ' } }, (_, reply) => {
    document ??= JSON.stringify(openApiDocument(context.routes, descriptions(context)));
    return reply.type('application/json; charset=utf-8').send(document);
  });
}
