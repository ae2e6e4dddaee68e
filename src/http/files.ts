import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { requireUploadName } from '../uploads/upload_name.ts';
import type { Upload } from '../uploads/uploads.ts';
import type { HttpContext } from './http_context.ts';

const inPath = z.object({ name: z.string() });
/** How long a file may take to come in, milliseconds. */
const uploadMs = 3_600_000;

/** Files that callers on other machines put into the store: a tool's path names one as `upload:NAME`. */
export function fileRoutes(app: FastifyInstance, context: HttpContext): void {
  // Whatever a file is, its bytes are taken as they are, while they come in.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));

  app.put(
    '/v1/files/:name',
    {
      config: { permission: 'WRITE', operation: 'upload_file', bodyTimeoutMs: uploadMs },
      bodyLimit: context.settings.maxUploadBytes,
    },
    async (request, reply) => {
      const name = nameIn(request.params);
      const content = bytesOf(request.body);
      const call = context.callOf(request, reply);
      const upload = await context.carryOut(
        { name: 'upload_file', permission: 'WRITE' },
        () => ({ name }),
        call,
        ({ uploads }, origin) => uploads.put(name, content, origin),
      );
      return reply.code(201).send(shown(upload));
    },
  );

  app.get(
    '/v1/files',
    { config: { permission: 'READ', operation: 'list_files' } },
    async (request, reply) => {
      const files = await context.carryOut(
        { name: 'list_files', permission: 'READ' },
        () => ({}),
        context.callOf(request, reply),
        ({ uploads }) => uploads.list(),
      );
      return { files: files.map(shown) };
    },
  );

  app.get(
    '/v1/files/:name',
    { config: { permission: 'READ', operation: 'download_file' } },
    async (request, reply) => {
      const name = nameIn(request.params);
      const { bytes, content } = await context.carryOut(
        { name: 'download_file', permission: 'READ' },
        () => ({ name }),
        context.callOf(request, reply),
        ({ uploads }) => uploads.read(name),
      );
      return reply
        .type('application/octet-stream')
        .headers({
          'content-length': bytes,
          'content-disposition': `attachment; filename="${name}"`,
          'x-content-type-options': 'nosniff',
        })
        .send(content);
    },
  );

  app.delete(
    '/v1/files/:name',
    { config: { permission: 'WRITE', operation: 'delete_file' } },
    async (request, reply) => {
      const name = nameIn(request.params);
      await context.carryOut(
        { name: 'delete_file', permission: 'WRITE' },
        () => ({ name }),
        context.callOf(request, reply),
        ({ uploads }, origin) => uploads.remove(name, origin),
      );
      return { name };
    },
  );
}

function nameIn(params: unknown): string {
  return requireUploadName(inPath.parse(params).name);
}

async function* bytesOf(body: unknown): AsyncGenerator<Uint8Array> {
  if (!(body instanceof Readable))
    throw new ModelYardError('INVALID_INPUT', 'The body is empty.', 'Send the file as the body.');
  // Not destroyed when the upload is refused in its midst: what still comes in must be read, or the connection's next
  // request would wait for ever.
  const chunks = body.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) if (chunk instanceof Uint8Array) yield chunk;
  } catch {
    throw new ModelYardError(
      'CANCELLED',
      'The file did not come in whole.',
      'Nothing was kept of it: send it again.',
    );
  } finally {
    body.resume();
  }
}

function shown({ name, bytes, sha256, uploadedAt, uploadedBy }: Upload) {
  return {
    name,
    path: `upload:${name}`,
    bytes,
    sha256,
    uploaded_at: new Date(uploadedAt).toISOString(),
    uploaded_by: uploadedBy,
  };
}
