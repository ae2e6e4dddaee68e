import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What happens to calls on their way. `down`: the connection breaks at once; `busy`: 503 SlowDown, so many times; `denied`: the
 * store does not know the key; `cut`: of so many answers, the second half is lost; `held`: no answer comes.
 */
type S3Fault = { kind: 'pass' | 'down' | 'denied' | 'held' } | { kind: 'busy' | 'cut'; times: number };

export interface S3Proxy {
  address: string;
  /** From now on, of the calls that `where` chooses; those that are held are broken off. */
  use(fault: S3Fault, where?: (call: { method: string; path: string }) => boolean): void;
  /** The calls that arrived since the last `use`, by method and path. */
  calls: readonly string[];
  close(): Promise<void>;
}

/** An HTTP proxy before an S3 server that does to its calls what a bad day does. */
export async function startS3Proxy(upstream: string): Promise<S3Proxy> {
  let fault: S3Fault = { kind: 'pass' };
  let isThere: NonNullable<Parameters<S3Proxy['use']>[1]> = () => true;
  let calls: string[] = [];
  const held = new Set<ServerResponse>();

  const refuse = (outgoing: ServerResponse, status: number, code: string) => {
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
  };
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse, isCut: boolean) => {
    const { method, url, headers } = incoming;
    const call = request(new URL(url ?? '/', upstream), { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      if (!isCut) return void response.pipe(outgoing);
      const most = Number(response.headers['content-length'] ?? 0) / 2;
      let sent = 0;
      response.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, Math.max(0, most - sent));
        sent += part.length;
        outgoing.write(part, () => sent >= most && outgoing.destroy());
      });
    });
    call.on('error', () => outgoing.destroy());
    incoming.pipe(call);
  };
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '' } = incoming;
    calls.push(`${method} ${path}`);
    if (!isThere({ method, path })) return forward(incoming, outgoing, false);
    if (fault.kind === 'down') return incoming.socket.destroy();
    if (fault.kind === 'held') return void held.add(outgoing);
    if (fault.kind === 'denied') return refuse(outgoing, 403, 'InvalidAccessKeyId');
    if (!('times' in fault) || fault.times === 0) return forward(incoming, outgoing, false);
    fault.times--;
    if (fault.kind === 'cut') forward(incoming, outgoing, true);
    else refuse(outgoing, 503, 'SlowDown');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    use(next, where = () => true) {
      [fault, isThere, calls] = [next, where, []];
      for (const outgoing of held) outgoing.destroy();
      held.clear();
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
