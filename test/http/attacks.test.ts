import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../e2e/command.ts';
import { scratchDirectory } from '../e2e/environment.ts';
import { until } from '../e2e/until.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from './http_server.ts';

/** A request whose headers may be anything, Host too. */
function ask(
  { port }: { port: number },
  headers: Record<string, string>,
  { method = 'GET', path = '/v1/files', body }: { method?: string; path?: string; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    asked.on('error', reject).end(body);
  });
}

describe('a server on this machine without tokens', () => {
  let server: TestHttpServer;
  beforeAll(async () => {
    server = await startHttpServer({
      flags: [
        '--allowed-host',
        'models.example.org',
        '--allowed-origin',
        'https://app.example.org',
        '--max-body-mb',
        '0.01',
      ],
    });
  });
  afterAll(() => server.close());

  test('a page that had its own name led here is refused by its Host', async () => {
    expect(await ask(server, { host: 'evil.example.org' })).toMatchObject({
      status: 403,
      body: expect.stringContaining('PERMISSION_DENIED'),
    });
    expect((await ask(server, { host: 'models.example.org:8080' })).status).toBe(200);
    expect((await ask(server, { host: 'localhost' })).status).toBe(200);
  });

  test('pages of others are refused, also when they only send; those that were named are let in', async () => {
    const evil = { host: 'localhost', origin: 'https://evil.example.org' };
    const sends = { method: 'POST', path: '/v1/models/m/predict', body: '{"inputs":[{"a":1}]}' };
    for (const refused of [
      await ask(server, evil),
      await ask(server, { ...evil, 'content-type': 'text/plain' }, sends),
      await ask(server, { ...evil, 'access-control-request-method': 'POST' }, { method: 'OPTIONS' }),
      await ask(server, { host: 'localhost', origin: 'null' }),
    ]) {
      expect(refused.status).toBe(403);
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
    }
    // A body that a page may send without asking is not taken either.
    expect((await ask(server, { host: 'localhost', 'content-type': 'text/plain' }, sends)).status).toBe(415);

    const app = { host: 'localhost', origin: 'https://app.example.org' };
    expect(await ask(server, app)).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-origin': 'https://app.example.org', vary: 'origin' },
    });
    const asksBefore = { ...app, 'access-control-request-method': 'POST' };
    expect(await ask(server, asksBefore, { method: 'OPTIONS', path: '/v1/models/m/predict' })).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-headers': expect.stringContaining('authorization') },
    });
  });

  test('a body that is too large, is no JSON or no UTF-8 is refused', async () => {
    const post = { method: 'POST', path: '/v1/models/m/predict' };
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    const status = async (body: string) => (await ask(server, headers, { ...post, body })).status;
    expect(await status(JSON.stringify({ inputs: [{ a: 'x'.repeat(20_000) }] }))).toBe(413);
    expect(await status('{"inputs": [')).toBe(400);
    expect(await status('[1]')).toBe(400);
    expect(await status('{"model_id":"other","inputs":[{}]}')).toBe(400);
    expect(await status(`{"inputs":${'['.repeat(3000)}${']'.repeat(3000)}}`)).toBe(400);
    expect(await status('{"__proto__":{"inputs":1},"inputs":[{"a":1}]}')).toBe(400);
    expect(await status('{"inputs":[{"a":1}]}')).toBe(404);
  });

  test('what would be passed over in silence is refused: a query, and a body that is packed', async () => {
    const body = '{"inputs":[{"a":1}]}';
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    for (const path of ['/v1/models/m/predict', '/v2/models/m/infer', '/models/m/invocations'])
      expect(await ask(server, headers, { method: 'POST', path: `${path}?version=2`, body })).toMatchObject({
        status: 400,
        body: expect.stringContaining('?version=2'),
      });
    expect((await ask(server, headers, { path: '/v2/models/m?version=2' })).status).toBe(400);
    expect((await ask(server, headers, { path: '/metrics?name[]=x' })).status).toBe(200);
    const packed = { ...headers, 'content-encoding': 'gzip' };
    for (const path of ['/v1/models/m/predict', '/models/m/invocations'])
      expect((await ask(server, packed, { method: 'POST', path, body })).status).toBe(415);
    expect((await ask(server, { host: 'localhost' }, { path: '/metrics?' })).status).toBe(200);
  });

  test.each(['/v2/models/%ff/infer', '/v2/models/%', `/v2/models/${'a'.repeat(1500)}`])(
    'an address that is none is told in the form of all errors: %s',
    async (path) => {
      const { status, body } = await ask(server, { host: 'localhost' }, { path });
      expect([400, 414]).toContain(status);
      expect(JSON.parse(body)).toEqual({
        error: {
          code: 'INVALID_INPUT',
          message: expect.any(String),
          hint: expect.any(String),
          retryable: false,
        },
      });
    },
  );

  test('other machines are not served', () => {
    const { code, complaint } = runCommand(server.directory, ['serve', '--host', '0.0.0.0', '--port', '0']);
    expect([code, complaint]).toEqual([2, expect.stringContaining('modelyard token create')]);
  });
});

describe('a server with tokens', () => {
  const scratch = scratchDirectory();
  let server: TestHttpServer;
  let token = '';
  beforeAll(async () => {
    token = createToken(scratch.path, 'ada', 'viewer');
    server = await startHttpServer({
      directory: scratch.path,
      flags: ['--host', '0.0.0.0', '--workers', '2'],
      settings: { MODELYARD_LOG_LEVEL: 'debug' },
    });
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });
  const status = async (headers: Record<string, string>, path = '/v1/files') =>
    (await ask(server, { host: 'localhost', ...headers }, { path })).status;

  test('only a whole token in the one header counts', async () => {
    expect(await status(bearer(token))).toBe(200);
    expect(await status({ authorization: `bearer ${token}` })).toBe(200);
    for (const authorization of [
      'Bearer',
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}x`,
      token,
      `Basic ${Buffer.from(`ada:${token}`).toString('base64')}`,
    ])
      expect(await ask(server, { host: 'localhost', authorization })).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': expect.stringContaining('Bearer') },
      });
    expect(await status({ cookie: `token=${token}` })).toBe(401);
    // Nobody learns without a token what there is.
    expect(await status({}, '/nothing')).toBe(401);
  });

  test('a token in the address is refused, also beside a good one, and stands in no log', async () => {
    for (const path of [
      `/v1/files?access_token=${token}`,
      `/v1/files?x=${token}`,
      `/v1/files/${token}`,
      '/v1/files?token=abc',
      `/v2/health/live?token=${token}`,
    ])
      expect(await status(bearer(token), path)).toBe(400);
    const logs = join(scratch.path, 'registry', 'logs');
    const written = () =>
      readdirSync(logs)
        .map((name) => readFileSync(join(logs, name), 'utf8'))
        .join('');
    await status(bearer(token));
    await until('the log has lines', () => written().includes('list_files done'));
    expect(written() + server.standardError()).not.toContain(token.slice(-43));
  });

  test('one that is revoked is refused by every worker, and the error says so', async () => {
    const other = createToken(scratch.path, 'bob', 'viewer');
    // Each on a connection of its own, which the workers get in turn.
    const statuses = () =>
      Promise.all(Array.from({ length: 6 }, () => status({ ...bearer(other), connection: 'close' })));
    await until('it is known', async () => (await statuses()).every((each) => each === 200));
    expect(runCommand(scratch.path, ['token', 'revoke', 'bob']).code).toBe(0);
    await until('it is refused', async () => (await statuses()).every((each) => each === 401));
    expect((await ask(server, { host: 'localhost', ...bearer(other) })).body).toContain('bob was revoked');
    const short = runCommand(scratch.path, [
      'token',
      'create',
      'brief',
      '--role',
      'viewer',
      '--days',
      '0.00001',
    ]);
    await until(
      'it has expired',
      async () => (await statuses()).length > 0 && (await status(bearer(short.output.trim()))) === 401,
    );
  });
});

test('a caller that asks too often is told how long to wait, and others do not wait', async () => {
  const scratch = scratchDirectory();
  const [ada, bob] = [createToken(scratch.path, 'ada', 'viewer'), createToken(scratch.path, 'bob', 'viewer')];
  // A call in a hundred seconds.
  const server = await startHttpServer({ directory: scratch.path, flags: ['--max-rate', '0.01'] });
  try {
    const by = (token: string) => ask(server, { host: 'localhost', ...bearer(token) });
    expect((await by(ada)).status).toBe(200);
    const refused = await by(ada);
    expect(refused).toMatchObject({ status: 429, body: expect.stringContaining('LIMIT_EXCEEDED') });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await by(bob)).status).toBe(200);
    expect((await ask(server, { host: 'localhost' }, { path: '/v2/health/ready' })).status).toBe(200);
  } finally {
    await server.close();
    scratch.remove();
  }
});
