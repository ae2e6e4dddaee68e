import { Server, ServerCredentials } from '@grpc/grpc-js';
import { z } from 'zod';
import { SettingsError } from '../../errors.ts';
import { readGrpcCall, writeGrpcAnswer } from '../../open_inference/grpc_messages.ts';
import type { HttpContext } from '../http_context.ts';
import type { TlsMaterial } from '../tls_files.ts';
import { modelMetadata, repositoryIndex, serverMetadata } from './describe.ts';
import { admitting, methodDefinition, type UnaryMethod, unaryHandler } from './grpc_calls.ts';
import { addHealth, healthPaths } from './grpc_health.ts';
import { infer } from './infer.ts';

const service = 'inference.GRPCInferenceService';
const ofModel = z.object({
  name: z.string(),
  version: z.string().transform((text) => (text === '' ? undefined : text)),
});
const index = z.object({ ready: z.boolean() });

/** The methods that are served; their messages are called `NAMERequest` and `NAMEResponse`. */
const methods: readonly UnaryMethod[] = [
  { name: 'ServerLive', permission: 'none', answer: () => ({ live: true }) },
  { name: 'ServerReady', permission: 'none', answer: (_, { context }) => ({ ready: context.isReady() }) },
  { name: 'ServerMetadata', permission: 'READ', answer: () => serverMetadata },
  {
    name: 'ModelReady',
    permission: 'READ',
    async answer(message, { services }) {
      const { name, version } = ofModel.parse(message);
      return { ready: (await services.serving.status(name, version)).isReady };
    },
  },
  {
    name: 'ModelMetadata',
    permission: 'READ',
    async answer(message, { services }) {
      const { name, version } = ofModel.parse(message);
      return { ...(await modelMetadata(services, name, version)) };
    },
  },
  {
    name: 'RepositoryIndex',
    permission: 'READ',
    async answer(message, { services }) {
      return { models: await repositoryIndex(services, index.parse(message).ready) };
    },
  },
  {
    name: 'ModelInfer',
    permission: 'PREDICT',
    async answer(message, { services, cancelling, traceId }) {
      const { model, version, isRaw, ...call } = readGrpcCall(message);
      const { answer } = await infer(services, {
        model,
        version,
        call,
        cancelling,
        traceId,
        front: 'grpc',
      });
      return writeGrpcAnswer(answer, isRaw);
    },
  },
];
const pathOf = (name: string) => `/${service}/${name}`;
const openPaths = new Set([
  ...methods.filter(({ permission }) => permission === 'none').map(({ name }) => pathOf(name)),
  ...healthPaths,
]);

export interface GrpcServer {
  listen(): Promise<{ port: number }>;
  /** Takes no more calls; ends when those under way have, or at once when the time has passed. */
  close(endMs: number): Promise<void>;
}

/**
 * Serves the Open Inference Protocol by gRPC, by the rules of HTTP; a token is sent as metadata `authorization`.
 * @param tls certificate chain and key, PEM; undefined: without encryption
 */
export function createGrpcServer(
  context: HttpContext,
  { host, port, tls }: { host: string; port: number; tls: TlsMaterial | undefined },
): GrpcServer {
  const server = new Server({
    'grpc.max_receive_message_length': context.options.maxBodyBytes,
    'grpc.max_send_message_length': -1,
    interceptors: [admitting(context, (path) => openPaths.has(path))],
  });
  server.addService(
    Object.fromEntries(
      methods.map(({ name }) => [
        name,
        methodDefinition(pathOf(name), {
          request: `inference.${name}Request`,
          response: `inference.${name}Response`,
        }),
      ]),
    ),
    Object.fromEntries(methods.map((method) => [method.name, unaryHandler(context, method)])),
  );
  const health = addHealth(server, context);
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
        ]);
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(
          `${host.includes(':') ? `[${host}]` : host}:${port}`,
          credentials,
          (error, bound) => {
            if (error === null) resolve({ port: bound });
            else reject(new SettingsError(`--grpc-port=${port} cannot be listened on: ${error.message}`));
          },
        );
      }),
    async close(endMs) {
      health.end();
      const shut = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      // A connection that has not begun to speak TLS holds the port open: nobody waits for it.
      await Promise.race([shut, context.underWay.untilQuiet(endMs)]);
      server.forceShutdown();
    },
  };
}
