import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a webhook's receiver got it. */
interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What a receiver does with a request; `hang` never answers, `cut` closes the connection. */
type Answer = { status: number; location?: string } | 'hang' | 'cut';

export interface Receiver {
  url: string;
  received: Received[];
  /** For the requests that come from now on. */
  answer(answer: Answer): void;
  /** Closes the connections of the requests that hang. */
  cutHanging(): void;
  /** Resolves when that many requests have come in all. */
  untilReceived(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A receiver on this machine, at a path that is not to be told to anybody. */
export async function startReceiver(path = '/services/T000/B000/very-secret-token'): Promise<Receiver> {
  const received: Received[] = [];
  let answer: Answer = { status: 200 };
  let hanging: IncomingMessage[] = [];
  let waiting: (() => void)[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      if (answer === 'cut') request.socket.destroy();
      else if (answer === 'hang') hanging.push(request);
      else {
        if (answer.location !== undefined) response.setHeader('location', answer.location);
        response.writeHead(answer.status).end('an answer that nobody reads');
      }
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = isPort(address) ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    received,
    answer(next) {
      answer = next;
    },
    cutHanging() {
      for (const { socket } of hanging) socket.destroy();
      hanging = [];
    },
    untilReceived: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (received.length < count) return;
          waiting = waiting.filter((other) => other !== look);
          resolve();
        };
        waiting.push(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isPort(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
