import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHttpServer, type TestHttpServer } from './http_server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startHttpServer();
});
afterAll(() => server.close());

/** Sends a beginning and then a byte now and then. @returns what the server said until it closed the connection */
function trickle(beginning: string, piece: string): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(server.port, '127.0.0.1');
    let said = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    const timer = setInterval(() => socket.write(piece), 500);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
      resolve(said);
    });
    socket.write(beginning);
  });
}

test('who sends headers or a body bit by bit is not waited for, and others are answered meanwhile', async () => {
  const headers = trickle('GET /v1/files HTTP/1.1\r\nHost: localhost\r\n', 'x: 1\r\n');
  const body = trickle(
    'POST /v1/models/m/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n',
    ' ',
  );
  const refused = ['/v1/files/x', '/v1/nowhere', '/v2/models/%ff'].map((path) =>
    trickle(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n`, ' '),
  );
  expect((await fetch(`${server.url}/v1/files`)).status).toBe(200);
  expect(await headers).toMatch(/^HTTP\/1.1 408 /);
  expect(await body).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"TIMEOUT"/);
  // What was refused at once has no longer for the rest of its body.
  for (const [index, status] of ['403', '404', '400'].entries())
    expect(await refused[index]).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
}, 120_000);
