import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What happens to a call on its way to MLflow. `refuse`: the connection breaks before MLflow sees it; `lost`: MLflow
 * does it and the answer is lost; `slow`: MLflow does it and the answer does not come; `late`: MLflow gets it only
 * when the fault is over, long after it was given up; `error`: an HTTP 500; `garbage`: a page that is not JSON;
 * `lie`: yes, and nothing is done.
 */
const faults = ['pass', 'refuse', 'lost', 'slow', 'late', 'error', 'garbage', 'lie'] as const;
export type Fault = (typeof faults)[number];

export interface FaultProxy {
  address: string;
  /** From now on, of calls to the paths that `where` chooses; calls that an earlier fault holds are let go. */
  use(fault: Fault, where?: (path: string) => boolean): void;
  /** How many calls met which fault. */
  met: Map<Fault, number>;
  /** Calls that are under way between the proxy and MLflow. */
  underWay(): number;
  close(): Promise<void>;
}

/** An HTTP proxy before one server that does to its calls what a bad day does. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let fault: Fault = 'pass';
  let isThere = (_path: string) => true;
  let held: (() => void)[] = [];
  let underWay = 0;
  const met = new Map<Fault, number>();

  const forward = (body: Buffer, from: IncomingMessage, answer: (response: IncomingMessage) => void) => {
    underWay++;
    const to = new URL(from.url ?? '/', upstream);
    const call = request(to, { method: from.method, headers: { ...from.headers, host: to.host } }, answer);
    call.once('close', () => {
      underWay--;
    });
    // MLflow is stopped for a while, too.
    call.on('error', () => undefined);
    call.end(body);
    return call;
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const now = isThere(incoming.url ?? '') ? fault : 'pass';
    met.set(now, (met.get(now) ?? 0) + 1);
    const pass = (response: IncomingMessage) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    };
    const json = (status: number, type: string, text: string) => {
      outgoing.writeHead(status, { 'content-type': type });
      outgoing.end(text);
    };
    const hold = (release: () => void) => {
      held.push(release);
    };
    switch (now) {
      case 'refuse':
        return outgoing.destroy();
      case 'error':
        return json(500, 'application/json', '{"error_code": "INTERNAL_ERROR", "message": "a bad day"}');
      case 'garbage':
        return json(200, 'text/html', '<html><body>Welcome</body></html>');
      case 'lie':
        // What is asked is answered by nothing; what is sent is taken and thrown away.
        return json(200, 'application/json', '{}');
      case 'lost':
        return forward(body, incoming, (response) => {
          response.resume().once('end', () => outgoing.destroy());
        }).once('error', () => outgoing.destroy());
      case 'slow':
        return forward(body, incoming, (response) => {
          response.resume();
          hold(() => outgoing.destroy());
        }).once('error', () => outgoing.destroy());
      case 'late':
        return hold(() => forward(body, incoming, (response) => response.resume()));
      case 'pass':
        return forward(body, incoming, pass).once('error', () => outgoing.destroy());
    }
  };

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${address.port}`,
    met,
    underWay: () => underWay,
    use(next, where = () => true) {
      fault = next;
      isThere = where;
      const released = held;
      held = [];
      for (const release of released) release();
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
