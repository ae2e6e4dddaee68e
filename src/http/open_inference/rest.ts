import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import { readCall, writeAnswer } from '../../open_inference/json_messages.ts';
import type { GuardedCall } from '../../pipeline.ts';
import type { Services } from '../../services.ts';
import { errorHandler } from '../error_handler.ts';
import type { HttpContext } from '../http_context.ts';
import { HttpRefusal } from '../http_error.ts';
import { modelMetadata, repositoryIndex, serverMetadata } from './describe.ts';
import { infer } from './infer.ts';

/** The Open Inference Protocol, version 2, as JSON over HTTP, with the binary tensor data extension. */
export function openInferenceRoutes(app: FastifyInstance, context: HttpContext): void {
  const { maxBodyBytes } = context.options;
  // A body is JSON and perhaps bytes after it, whatever type its client says that it has.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    unpacked(request.headers['content-encoding'], Buffer.from(body), maxBodyBytes).then(
      (bytes) => done(null, bytes),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  });
  app.setErrorHandler(
    errorHandler(context, ({ code, message, hint }) => ({ error: `${message} ${hint}`, code })),
  );

  const read = { permission: 'READ', unpacksBodies: true } as const;
  app.get('/v2', { config: read }, () => serverMetadata);
  app.post('/v2/repository/index', { config: read }, (request, reply) => {
    const { ready } = indexBody(request.body);
    return carryOut(context, request, context.callOf(request, reply), 'READ', (services) =>
      repositoryIndex(services, ready),
    );
  });
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get(path, { config: read }, (request, reply) => {
      const { model, version } = address.parse(request.params);
      return carryOut(context, request, context.callOf(request, reply), 'READ', (services) =>
        modelMetadata(services, model, version),
      );
    });
    app.get(`${path}/ready`, { config: read }, async (request, reply) => {
      const { model, version } = address.parse(request.params);
      const { isReady } = await carryOut(
        context,
        request,
        context.callOf(request, reply),
        'READ',
        ({ serving }) => serving.status(model, version),
      );
      return reply.code(isReady ? 200 : 503).send({ name: model, ready: isReady });
    });
    app.post(
      `${path}/infer`,
      { config: { permission: 'PREDICT', operation: 'infer', unpacksBodies: true } },
      async (request, reply) => {
        const { model, version } = address.parse(request.params);
        const call = context.callOf(request, reply);
        const { answer, isBinary } = await carryOut(context, request, call, 'PREDICT', (services) =>
          infer(services, {
            model,
            version,
            call: readCall(bodyOf(request), headerLength(request)),
            cancelling: call.cancelling,
            traceId: call.traceId,
            front: 'open_inference',
          }),
        );
        const written = writeAnswer(answer, isBinary);
        if (written.headerLength === undefined) reply.type('application/json; charset=utf-8');
        else
          reply
            .type('application/octet-stream')
            .header('inference-header-content-length', written.headerLength);
        return reply.send(written.bytes);
      },
    );
  }
}

const address = z.object({ model: z.string(), version: z.string().optional() });

/** By the rules of all calls; what is not deployed is not there, as this protocol's clients understand it. */
async function carryOut<T>(
  context: HttpContext,
  request: FastifyRequest,
  call: GuardedCall,
  permission: 'READ' | 'PREDICT',
  handle: (services: Services) => Promise<T>,
): Promise<T> {
  const name = request.routeOptions.config.operation ?? `${request.method} ${request.routeOptions.url}`;
  try {
    return await context.carryOut({ name, permission }, () => ({}), call, handle);
  } catch (error) {
    if (!(error instanceof ModelYardError) || error.code !== 'NOT_DEPLOYED') throw error;
    throw new HttpRefusal(404, error.code, error.message, error.hint);
  }
}

function bodyOf({ body }: FastifyRequest): Buffer {
  return body instanceof Buffer ? body : Buffer.alloc(0);
}

function headerLength({ headers }: FastifyRequest): number | undefined {
  const given = headers['inference-header-content-length'];
  if (given === undefined) return undefined;
  const length = z.coerce.number().int().min(1).safeParse(given);
  if (length.success) return length.data;
  throw new ModelYardError(
    'INVALID_INPUT',
    `Inference-Header-Content-Length is ${JSON.stringify(String(given).slice(0, 40))}, which is no length of JSON.`,
    'A body without JSON is not taken: describe its tensors.',
  );
}

const indexSchema = z.object({ ready: z.boolean().nullish() });

function indexBody(body: unknown): { ready: boolean } {
  if (!(body instanceof Buffer) || body.length === 0) return { ready: false };
  let given: unknown;
  try {
    given = JSON.parse(body.toString('utf8'));
  } catch {
    given = undefined;
  }
  const parsed = indexSchema.safeParse(given);
  if (parsed.success) return { ready: parsed.data.ready ?? false };
  throw new ModelYardError('INVALID_INPUT', 'The body is not {"ready": true}.', 'Send that, or nothing.');
}

/** A body as it was before its client compressed it; no more of it than a body may have. */
async function unpacked(
  encoding: string | undefined,
  body: Buffer,
  maxOutputLength: number,
): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity') return body;
  const unpack = unpackers.get(encoding);
  if (unpack === undefined)
    throw new HttpRefusal(
      415,
      'INVALID_INPUT',
      `The Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not one that is taken here.`,
      'Send gzip, deflate, or the body as it is.',
    );
  try {
    return await unpack(body, { maxOutputLength });
  } catch (error) {
    throw error instanceof RangeError
      ? new HttpRefusal(
          413,
          'LIMIT_EXCEEDED',
          `The body is larger than ${maxOutputLength} bytes, uncompressed.`,
          'Send less at once, or start the server with a higher --max-body-mb.',
        )
      : new HttpRefusal(
          400,
          'INVALID_INPUT',
          `The body is no ${encoding}.`,
          'Send it as its Content-Encoding says.',
        );
  }
}

type Unpack = (body: Buffer, bound: { maxOutputLength: number }) => Promise<Buffer>;

const unpackers = new Map<string, Unpack>([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
]);
