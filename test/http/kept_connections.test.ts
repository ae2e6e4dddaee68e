import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratchDirectory } from '../e2e/environment.ts';
import { until } from '../e2e/until.ts';
import { createToken, startHttpServer, type TestHttpServer } from './http_server.ts';

const scratch = scratchDirectory();
let server: TestHttpServer;
const tokens = { operator: '', viewer: '' };
beforeAll(async () => {
  for (const role of ['operator', 'viewer'] as const) tokens[role] = createToken(scratch.path, role, role);
  server = await startHttpServer({
    directory: scratch.path,
    settings: { MODELYARD_MAX_UPLOADS_MB: '1' },
    flags: ['--max-body-mb', '0.5', '--model', 'm'],
  });
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

interface Ask {
  method: string;
  path: string;
  caller?: 'operator' | 'viewer' | undefined;
  host?: string;
  type?: string;
  headers?: readonly string[];
}

interface Manner {
  chunked: boolean;
  /** Whether the body is sent only when the server has said something. */
  waits: boolean;
  expect: string | undefined;
}

/** Sends a request with a body and, on the same connection, another one. @returns the statuses of both, without 100 */
async function statusesOf(
  port: number,
  { method, path, caller, host = 'localhost', type = 'application/json', headers = [] }: Ask,
  bytes: number,
  manner: Manner,
): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  let ended = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', (error) => {
    ended = error.message;
  });
  socket.on('close', () => {
    ended ||= 'closed';
  });
  const statuses = () =>
    [...received.matchAll(/HTTP\/1\.1 (?!100)(\d{3})/g)].map(([, status = '']) => status);
  const answers = (count: number) =>
    until(`answer ${count} of ${method} ${path}`, () => {
      if (statuses().length < count && ended !== '') throw new Error(`${ended} after: ${received}`);
      return statuses().length >= count;
    });
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    `Content-Type: ${type}`,
    ...headers,
    ...(caller === undefined ? [] : [`Authorization: Bearer ${tokens[caller]}`]),
    ...(manner.expect === undefined ? [] : [`Expect: ${manner.expect}`]),
    manner.chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  if (manner.expect === '100-continue') await until('it goes on', () => received.includes('HTTP/1.1 '));
  else if (manner.waits) await answers(1);
  const piece = Buffer.alloc(1000, 97);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (manner.chunked) socket.write(`${piece.length.toString(16)}\r\n`);
    socket.write(piece);
    if (manner.chunked) socket.write('\r\n');
  }
  if (manner.chunked) socket.write('0\r\n\r\n');
  await answers(1);
  socket.write('GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await answers(2);
  socket.destroy();
  return statuses();
}

const [operator, viewer] = ['operator', 'viewer'] as const;
/** Requests that are answered before their body is looked at, with the answer. */
const refusedAtOnce: [string, Ask][] = [
  ['401', { method: 'POST', path: '/v1/models/m/predict' }],
  ['403', { method: 'POST', path: '/v1/models/m/outcomes', caller: viewer }],
  ['403', { method: 'POST', path: '/v1/models/m/predict', caller: operator, host: 'evil.example.org' }],
  ['400', { method: 'POST', path: '/v1/models/m/predict?version=1', caller: operator }],
  ['415', { method: 'POST', path: '/v1/models/m/predict', caller: operator, type: 'text/plain' }],
  [
    '415',
    { method: 'POST', path: '/v1/models/m/predict', caller: operator, headers: ['Content-Encoding: gzip'] },
  ],
  ['401', { method: 'PUT', path: '/v1/files/x' }],
  ['403', { method: 'PUT', path: '/v1/files/x', caller: viewer }],
  ['400', { method: 'PUT', path: '/v1/files/.x', caller: operator }],
  ['415', { method: 'PUT', path: '/v1/files/x', caller: operator, headers: ['Content-Encoding: gzip'] }],
  ['200', { method: 'GET', path: '/v1/files', caller: operator }],
  ['404', { method: 'PATCH', path: '/v1/files/x', caller: operator, type: 'text/plain' }],
  ['401', { method: 'POST', path: '/v2/models/m/infer' }],
  ['403', { method: 'POST', path: '/v2/models/m/infer', caller: viewer }],
  ['200', { method: 'GET', path: '/v2', caller: operator }],
  ['401', { method: 'POST', path: '/models/m/invocations' }],
  ['403', { method: 'POST', path: '/invocations', caller: viewer }],
  ['503', { method: 'GET', path: '/ping' }],
  ['401', { method: 'POST', path: '/mcp' }],
  ['415', { method: 'POST', path: '/mcp', caller: operator, type: 'text/plain' }],
  ['200', { method: 'GET', path: '/metrics', caller: operator }],
  ['200', { method: 'GET', path: '/' }],
  ['200', { method: 'GET', path: '/openapi.json', caller: operator }],
  ['415', { method: 'OPTIONS', path: '/v1/models/m/predict', type: 'text/plain' }],
  ['400', { method: 'POST', path: '/v2/models/%ff/infer', caller: operator }],
  ['400', { method: 'POST', path: '/v1/files?token=abc', caller: operator }],
  ['404', { method: 'POST', path: '/v1/nowhere', caller: operator, type: 'text/plain' }],
];
/** Requests whose body is looked at: the answer to one that is not too large, and to one that is. */
const looked: [string, string, Ask][] = [
  ['400', '413', { method: 'POST', path: '/v1/models/m/predict', caller: operator }],
  ['400', '413', { method: 'DELETE', path: '/v1/models/m/predict', caller: operator }],
  ['400', '413', { method: 'POST', path: '/v1/nowhere', caller: operator }],
  ['201', '413', { method: 'PUT', path: '/v1/files/x', caller: operator, type: 'application/octet-stream' }],
  ['400', '413', { method: 'POST', path: '/v2/models/m/infer', caller: operator }],
  ['400', '413', { method: 'POST', path: '/v2/repository/index', caller: operator }],
  ['400', '413', { method: 'POST', path: '/models/m/invocations', caller: operator }],
  ['415', '413', { method: 'POST', path: '/models/m/invocations', caller: operator, type: 'text/plain' }],
  ['400', '413', { method: 'POST', path: '/mcp', caller: operator }],
  ['400', '413', { method: 'PUT', path: '/mcp', caller: operator }],
];
const [small, large] = [1000, 3_000_000];
const inPieces = [false, true];

describe('a connection answers its next request, whenever the one before was answered', () => {
  const shown = ({ method, path, caller, host = '', type = '' }: Ask) =>
    `${method} ${path} of ${caller ?? 'nobody'} ${host} ${type}`;

  test.each(refusedAtOnce.map(([status, ask]) => [shown(ask), status, ask] as const))(
    '%s: %s at once',
    async (_, status, ask) => {
      for (const bytes of [small, large])
        for (const chunked of inPieces) {
          const told = (waits: boolean, expects?: string) =>
            statusesOf(server.port, ask, bytes, { chunked, waits, expect: expects });
          expect(await told(false)).toEqual([status, '200']);
          expect(await told(true)).toEqual([status, '200']);
          expect(await told(false, '100-continue')).toEqual([status, '200']);
        }
    },
  );

  test.each(looked.map(([status, tooLarge, ask]) => [shown(ask), status, tooLarge, ask] as const))(
    '%s: %s, and %s when it is too large',
    async (_, status, tooLarge, ask) => {
      for (const chunked of inPieces)
        for (const expects of [undefined, '100-continue']) {
          const manner = { chunked, waits: false, expect: expects };
          expect(await statusesOf(server.port, ask, small, manner)).toEqual([status, '200']);
          expect(await statusesOf(server.port, ask, large, manner)).toEqual([tooLarge, '200']);
        }
    },
  );

  test.each(['/v1/files', '/v1/models/m/predict'])(
    'a client that wants %s to close it is told that it is, and it is',
    async (path) => {
      for (const caller of [undefined, operator] as const) {
        const socket = connect(server.port, '127.0.0.1');
        const authorization = caller === undefined ? '' : `Authorization: Bearer ${tokens[caller]}\r\n`;
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${authorization}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{`,
        );
        const answer = (await socket.toArray()).join('');
        expect(answer).toMatch(/^HTTP\/1\.1 (400|401|404) [\s\S]*\r\nconnection: close\r\n/i);
      }
    },
  );

  test('an expectation that is not met', async () => {
    const [[, , ask] = ['', '', { method: 'POST', path: '/' }]] = looked;
    for (const chunked of inPieces)
      expect(
        await statusesOf(server.port, ask, large, { chunked, waits: true, expect: 'a-miracle' }),
      ).toEqual(['417', '200']);
  });

  test('a caller that asks too often', async () => {
    const slow = await startHttpServer({ directory: scratch.path, flags: ['--max-rate', '0.001'] });
    try {
      const ask = { method: 'POST', path: '/v1/models/m/predict', caller: operator };
      const manner = { chunked: false, waits: false, expect: undefined };
      expect(await statusesOf(slow.port, ask, small, manner)).toEqual(['400', '200']);
      for (const chunked of inPieces)
        for (const bytes of [small, large])
          expect(await statusesOf(slow.port, ask, bytes, { ...manner, chunked })).toEqual(['429', '200']);
    } finally {
      await slow.close();
    }
  });
});
