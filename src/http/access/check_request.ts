import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpRefusal } from '../http_error.ts';
import type { ServeOptions } from '../serve_options.ts';
import { isKnownHost, isOwnOrigin } from './addresses.ts';
import { refuseTokenInAddress } from './authenticate.ts';

/** What a page of another server may send and see, where --allowed-origin names it. */
const allowedMethods = 'GET, POST, PUT, DELETE';
const allowedHeaders =
  'authorization, content-type, inference-header-content-length, last-event-id, mcp-protocol-version, mcp-session-id, traceparent, tracestate';
const exposedHeaders = 'inference-header-content-length, mcp-session-id, retry-after, www-authenticate';

/**
 * Whether a request may have been made by whom it seems: that no page of another server sent it through somebody's browser,
 * and that it has no token in its address.
 *
 * @param isHealth it tells nothing, and who asks (a load balancer) may know the server by any name
 * @throws HttpRefusal
 */
export function checkRequest(
  { raw, headers, host }: FastifyRequest,
  reply: FastifyReply,
  { allowedHosts, allowedOrigins, host: own, tls }: ServeOptions,
  isHealth: boolean,
): void {
  refuseTokenInAddress(raw.url ?? '');
  if (!isHealth && !isKnownHost(host, { names: [own.toLowerCase(), ...allowedHosts] }))
    throw new HttpRefusal(
      403,
      'PERMISSION_DENIED',
      'The Host header names a server that this one is not known as.',
      'Start it with --allowed-host NAME for each name that it is called by.',
    );
  const { origin } = headers;
  if (origin === undefined || isOwnOrigin(origin, host, tls === undefined ? 'http' : 'https')) return;
  if (!allowedOrigins.includes(origin) && !allowedOrigins.includes('*'))
    throw new HttpRefusal(
      403,
      'PERMISSION_DENIED',
      'Pages of another server (the Origin header) may not call this one.',
      'Start it with --allowed-origin ORIGIN for each server whose pages may.',
    );
  void reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposedHeaders,
    vary: 'origin',
  });
}

/** What a browser is told that asks before it calls. */
export const preflightHeaders = {
  'access-control-allow-methods': allowedMethods,
  'access-control-allow-headers': allowedHeaders,
  'access-control-max-age': '600',
};
