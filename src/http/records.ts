import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Tool } from '../../tools/define_tool.ts';
import { ModelYardError } from '../errors.ts';
import { isPlainObject } from '../plain_object.ts';
import type { HttpContext } from './http_context.ts';
import { statusOf } from './http_error.ts';

/**
 * Plain records: the arguments of the tools predict and record_outcomes as a JSON body, with the model in the path, and their
 * answers as they are.
 */
export function recordRoutes(app: FastifyInstance, context: HttpContext): void {
  addToolRoute(app, context, '/v1/models/:id/predict', context.tool('predict'));
  addToolRoute(app, context, '/v1/models/:id/outcomes', context.tool('record_outcomes'));
}

const inPath = z.object({ id: z.string() });

function addToolRoute(app: FastifyInstance, context: HttpContext, url: string, tool: Tool): void {
  app.post(
    url,
    { config: { permission: tool.permission, operation: tool.name, front: 'records' } },
    async (request, reply) => {
      const answer = await context.callTool(
        tool,
        withModel(inPath.parse(request.params).id, request.body),
        context.callOf(request, reply),
      );
      if (answer.error !== undefined) {
        const { status, headers } = statusOf(answer.error);
        reply.code(status).headers(headers);
      }
      return reply.type('application/json; charset=utf-8').send(answer.json ?? JSON.stringify(answer.facts));
    },
  );
}

/** The arguments of the tool. */
function withModel(id: string, body: unknown): Record<string, unknown> {
  if (!isPlainObject(body))
    throw new ModelYardError('INVALID_INPUT', 'The body is not a JSON object.', 'Send {"inputs": [{…}]}.');
  if (Object.hasOwn(body, 'model_id'))
    throw new ModelYardError(
      'INVALID_INPUT',
      'The body has a model_id.',
      'The model stands in the path: leave it out.',
    );
  return { ...body, model_id: id };
}
