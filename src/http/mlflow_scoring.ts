import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { identifier } from '../identifier.ts';
import { packageVersion } from '../package_info.ts';
import { errorHandler } from './error_handler.ts';
import type { HttpContext } from './http_context.ts';
import { bodyFormat } from './mlflow_scoring/content_type.ts';
import { errorCodeOf } from './mlflow_scoring/error_codes.ts';
import { parseInvocation } from './mlflow_scoring/parse_invocation.ts';
import { scoringAnswer } from './mlflow_scoring/scoring_answer.ts';

/**
 * The scoring protocol of MLflow's model server: `/invocations` of each model, and with --model at the addresses that a
 * server of one model has, which are SageMaker's too.
 */
export function mlflowScoringRoutes(app: FastifyInstance, context: HttpContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  app.setErrorHandler(
    errorHandler(context, ({ message, hint }, status) => ({
      error_code: errorCodeOf(status),
      message: `${message} ${hint}`,
    })),
  );
  const config = { permission: 'PREDICT', operation: 'predict', front: 'mlflow' } as const;
  app.post('/models/:id/invocations', { config }, (request, reply) =>
    score(context, modelIn(request.params), request, reply),
  );
  const { model } = context.options;
  if (model === undefined) return;
  app.post('/invocations', { config }, (request, reply) => score(context, model, request, reply));
  for (const path of ['/ping', '/health'])
    app.get(path, { config: { permission: 'none' } }, async (_, reply) =>
      reply
        .code((await isServed(context, model)) ? 200 : 503)
        .type('application/json')
        .send('\n'),
    );
  app.get('/version', { config: { permission: 'none' } }, (_, reply) =>
    reply.type('text/plain').send(packageVersion),
  );
}

const inPath = z.object({ id: identifier });

function modelIn(given: unknown): string {
  const parsed = inPath.safeParse(given);
  if (parsed.success) return parsed.data.id;
  throw new ModelYardError(
    'INVALID_INPUT',
    `The model in the path ${parsed.error.issues[0]?.message}.`,
    'Name it as it was registered.',
  );
}

async function score(context: HttpContext, modelId: string, request: FastifyRequest, reply: FastifyReply) {
  const body = bodyFormat(request.headers['content-type']);
  if ('refused' in body) return reply.code(415).type('text/plain; charset=utf-8').send(body.refused);
  const call = context.callOf(request, reply);
  const { input, parameters } = await parseInvocation(body.format, textOf(request.body));
  const answer = await context.carryOut(
    { name: 'predict', permission: 'PREDICT' },
    () => ({ model_id: modelId, ...parameters }),
    call,
    ({ serving }) =>
      serving.predict({
        modelId,
        version: parameters.version,
        outputs: parameters.outputs,
        entityKey: parameters.entity_key,
        predictionIds: parameters.prediction_ids,
        input,
        traceId: call.traceId,
        front: call.front,
        signal: call.cancelling,
      }),
  );
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(scoringAnswer(answer)));
}

function textOf(body: unknown): string {
  if (!Buffer.isBuffer(body) || body.length === 0)
    throw new ModelYardError('INVALID_INPUT', 'The body is empty.', 'Send rows as JSON or CSV.');
  if (!isUtf8(body))
    throw new ModelYardError('INVALID_INPUT', 'The body is not UTF-8.', 'Send rows as JSON or CSV in UTF-8.');
  return body.toString('utf8');
}

/** Whether calls are wanted here and the model answers them. */
async function isServed({ isReady, services }: HttpContext, modelId: string): Promise<boolean> {
  if (!isReady()) return false;
  try {
    const { serving } = await services();
    return (await serving.served.read(modelId)).route !== undefined;
  } catch {
    return false;
  }
}
