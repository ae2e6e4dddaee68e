import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { AnswerTooLarge, ConnectionFailure } from '../../../src/serving/remote/connection_failure.ts';
import { createHttpClient, type HttpClient } from '../../../src/serving/remote/http_client.ts';
import { freePort } from '../../free_port.ts';

let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing) close();
  closing = [];
});

async function listening(server: Server | ReturnType<typeof createTcpServer>, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function clientOf(url: string, headers = {}): HttpClient {
  const client = createHttpClient({ url, headers, caFile: undefined });
  closing.push(client.close);
  return client;
}

const request = { method: 'POST' as const, path: '/x', maxBytes: 1000, signal: new AbortController().signal };

test('requests carry the headers of the engine, below its path, on one connection', async () => {
  const sockets = new Set<unknown>();
  const url = await listening(
    createServer((incoming, outgoing) => {
      sockets.add(incoming.socket);
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { url: path, headers } = incoming;
        outgoing.end(JSON.stringify({ path, token: headers.token, body: Buffer.concat(chunks).toString() }));
      });
    }),
  );
  const client = clientOf(`${url}/below`, { token: 't' });
  const streamed = { bytes: 4, parts: () => [Buffer.from('ab'), Buffer.from('cd')] };
  for (const body of [Buffer.from('abcd'), streamed]) {
    const { status, body: answer } = await client.send({ ...request, body });
    expect([status, JSON.parse(answer.toString())]).toEqual([
      200,
      { path: '/below/x', token: 't', body: 'abcd' },
    ]);
  }
  expect(sockets.size).toBe(1);
});

describe('a request', () => {
  test('is tried again where nothing listened yet', async () => {
    const port = await freePort();
    const client = clientOf(`http://127.0.0.1:${port}`);
    const sent = client.send(request);
    await listening(
      createServer((_, outgoing) => outgoing.end('there')),
      port,
    );
    expect((await sent).body.toString()).toBe('there');
  });

  test('fails where nothing listens', async () => {
    const client = clientOf(`http://127.0.0.1:${await freePort()}`);
    const failure = await client.send(request).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectionFailure);
    expect(String(failure)).toContain('ECONNREFUSED');
  });

  test('is sent once only where the connection breaks after it was sent', async () => {
    let received = 0;
    const url = await listening(
      createTcpServer((socket) => {
        socket.once('data', () => {
          received++;
          socket.destroy();
        });
      }),
    );
    await expect(clientOf(url).send(request)).rejects.toBeInstanceOf(ConnectionFailure);
    expect(received).toBe(1);
  });

  test('fails where the answer is cut off, and where it is too large', async () => {
    const url = await listening(
      createServer((incoming, outgoing) => {
        if (incoming.url === '/cut') {
          outgoing.writeHead(200, { 'content-length': '10' });
          outgoing.write('123');
          setImmediate(() => outgoing.destroy());
        } else outgoing.end('x'.repeat(1001));
      }),
    );
    const client = clientOf(url);
    await expect(client.send({ ...request, path: '/cut' })).rejects.toBeInstanceOf(ConnectionFailure);
    await expect(client.send(request)).rejects.toBeInstanceOf(AnswerTooLarge);
  });

  test('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const url = await listening(createServer(() => controller.abort(new Error('no longer'))));
    await expect(clientOf(url).send({ ...request, signal: controller.signal })).rejects.toThrow('no longer');
  });
});
