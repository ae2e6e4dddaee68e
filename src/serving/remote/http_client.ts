import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { messageOf, systemCodeOf } from '../../errors.ts';
import { AnswerTooLarge, ConnectionFailure, repeatUnsent } from './connection_failure.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  /** From the engine's address on. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: Buffer | StreamedBody;
  /** Aborted when nobody waits any more. */
  signal: AbortSignal;
  /** Of the answer. */
  maxBytes: number;
}

/** A body that is too large to be held whole. */
export interface StreamedBody {
  bytes: number;
  parts(): Iterable<Buffer>;
}

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpClient {
  /** @throws ConnectionFailure, AnswerTooLarge; the signal's reason where that was aborted */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

/** Connections at once, at most: further requests wait for one. */
const maxSockets = 256;
/** An idle connection is closed by us first: one that the other side closes may take a request down with it. */
const idleMs = 2_000;
/** Where nothing can have been sent. */
const notConnected: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'];

/**
 * HTTP to one server, on connections that are kept. A request is repeated only where no connection was made for it, so
 * that nothing of it can have been sent.
 * @param to.caFile certificates (PEM) to trust instead of the built-in ones; read with each new client
 */
export function createHttpClient(to: {
  url: string;
  headers: Readonly<Record<string, string>>;
  caFile: string | undefined;
}): HttpClient {
  const { protocol, hostname, port, pathname } = new URL(to.url);
  const options = { keepAlive: true, maxSockets, timeout: idleMs, scheduling: 'lifo' as const };
  const isSecure = protocol === 'https:';
  const agent = isSecure
    ? new https.Agent({ ...options, ...(to.caFile !== undefined && { ca: readFileSync(to.caFile) }) })
    : new http.Agent(options);
  const base = pathname.replace(/\/+$/, '');

  function sendOnce({ method, path, headers, body, signal, maxBytes }: HttpRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? 0 : 'parts' in body ? body.bytes : body.length;
      const request = (isSecure ? https : http).request(
        {
          agent,
          method,
          hostname: hostname.replace(/^\[|\]$/g, ''),
          port,
          path: base + path,
          headers: {
            ...to.headers,
            ...headers,
            ...(method === 'POST' && { 'content-length': String(length) }),
          },
          signal,
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes <= maxBytes) chunks.push(chunk);
            else {
              reject(new AnswerTooLarge(`more than ${maxBytes} bytes`));
              request.destroy();
            }
          });
          response.once('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks, bytes),
            }),
          );
          // Cut off: an 'end' does not come.
          response.on('error', failed);
          response.once('close', () => {
            if (!response.complete) failed(new Error('the answer was cut off'));
          });
        },
      );
      function failed(error: Error): void {
        if (signal.aborted) reject(signal.reason);
        else {
          const isUnsent = notConnected.includes(systemCodeOf(error));
          reject(new ConnectionFailure(reasonOf(error), { isUnsent, cause: error }));
        }
      }
      request.on('error', failed);
      if (body === undefined || !('parts' in body)) request.end(body);
      else writeParts(request, body).catch((error: unknown) => request.destroy(asError(error)));
    });
  }

  return {
    send: (request) => repeatUnsent(() => sendOnce(request), request.signal),
    close: () => agent.destroy(),
  };
}

async function writeParts(request: http.ClientRequest, { parts }: StreamedBody): Promise<void> {
  for (const part of parts()) {
    if (request.destroyed) return;
    if (!request.write(part))
      await new Promise<void>((resolve) => {
        const go = () => {
          request.off('drain', go);
          request.off('close', go);
          resolve();
        };
        request.on('drain', go);
        request.on('close', go);
      });
  }
  request.end();
}

function reasonOf(error: Error): string {
  // Node gives the errors of several addresses together, without a message.
  const message = messageOf(error);
  return message === '' ? (systemCodeOf(error) ?? 'no connection') : message;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
