import { type Server, type ServerWritableStream, status } from '@grpc/grpc-js';
import { z } from 'zod';
import type { HttpContext } from '../http_context.ts';
import { type Message, methodDefinition, unaryHandler } from './grpc_calls.ts';

const service = 'grpc.health.v1.Health';
const messages = {
  request: 'grpc.health.v1.HealthCheckRequest',
  response: 'grpc.health.v1.HealthCheckResponse',
};
export const healthPaths = [`/${service}/Check`, `/${service}/Watch`];

const request = z.object({ service: z.string() });
/** The services that may be asked for; the empty name is the whole server. */
const known = ['', 'inference.GRPCInferenceService'];
/** Watches that may be held open at once. */
const maxWatches = 1000;

/** gRPC's own health service, which load balancers and Kubernetes ask. @returns ends the watches */
export function addHealth(server: Server, context: HttpContext): { end(): void } {
  const watches = new Set<ServerWritableStream<Message, Message>>();
  const serving = () => ({ status: context.isReady() ? 'SERVING' : 'NOT_SERVING' });
  const check = unaryHandler(context, { name: 'Check', permission: 'none', answer: serving });
  context.stopping.addEventListener('abort', () => {
    for (const watch of watches) watch.write(serving());
  });
  server.addService(
    {
      Check: methodDefinition(`/${service}/Check`, messages),
      Watch: methodDefinition(`/${service}/Watch`, messages, true),
    },
    {
      Check: (call: Parameters<typeof check>[0], callback: Parameters<typeof check>[1]) => {
        if (known.includes(request.parse(call.request).service)) return check(call, callback);
        callback({ code: status.NOT_FOUND, details: 'There is no such service here.' });
      },
      Watch(call: ServerWritableStream<Message, Message>) {
        if (watches.size >= maxWatches) {
          call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'Too many watches are held open.' });
          return;
        }
        watches.add(call);
        call.once('cancelled', () => watches.delete(call));
        call.write(
          known.includes(request.parse(call.request).service) ? serving() : { status: 'SERVICE_UNKNOWN' },
        );
      },
    },
  );
  return {
    end() {
      for (const watch of watches) watch.end();
      watches.clear();
    },
  };
}
