import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ModelYardError } from '../../src/errors.ts';
import { type Connection, type ConnectionSettings, openConnection } from '../../src/mlflow/connection.ts';
import { MlflowError } from '../../src/mlflow/mlflow_error.ts';
import { temporaryDirectory } from '../temporary.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const certificate = fileURLToPath(new URL('certificates/certificate.pem', import.meta.url));

/** A server that answers everything in one way. */
async function serve(answer: Answer, secure = false): Promise<string> {
  const key = () => readFileSync(new URL('certificates/key.pem', import.meta.url));
  const server = secure
    ? createSecureServer({ key: key(), cert: readFileSync(certificate) }, answer)
    : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `${secure ? 'https' : 'http'}://127.0.0.1:${port}`;
}

function connect(trackingUri: string, settings: Partial<ConnectionSettings> = {}): Connection {
  const connection = openConnection({ trackingUri, insecureTls: false, timeoutMs: 5000, ...settings });
  closing.push(connection.close);
  return connection;
}

const json =
  (status: number, value: unknown): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const schema = z.object({ ok: z.boolean() });
const ask = (connection: Connection, method: 'GET' | 'POST' = 'GET', signal?: AbortSignal) =>
  connection.json(schema, { method, path: '/api', ...(method === 'POST' && { body: { a: 1 } }), signal });
const failureOf = async (asking: Promise<unknown>): Promise<MlflowError> => {
  const error: unknown = await asking.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MlflowError)) throw new Error(`not an MlflowError: ${String(error)}`);
  return error;
};

describe('credentials', () => {
  test.each<[string, Partial<ConnectionSettings>, string | undefined]>([
    ['none', {}, undefined],
    ['name and password', { username: 'ana', password: 'pä:ss' }, `Basic ${btoa('ana:pÃ¤:ss')}`],
    ['a token', { token: 'secret-token' }, 'Bearer secret-token'],
    [
      'a token before a name',
      { token: 'secret-token', username: 'ana', password: 'x' },
      'Bearer secret-token',
    ],
  ])('%s', async (_, settings, header) => {
    const seen: unknown[] = [];
    const address = await serve((request, response) => {
      seen.push(request.headers.authorization);
      json(200, { ok: true })(request, response);
    });
    await ask(connect(address, settings));
    expect(seen).toEqual([header]);
  });

  test('in the address are used and not shown', async () => {
    const seen: unknown[] = [];
    const address = await serve((request, response) => {
      seen.push(request.headers.authorization);
      json(500, {})(request, response);
    });
    const connection = connect(address.replace('//', '//ana:hunter2@'));
    expect(connection.address).toBe(address);
    expect((await failureOf(ask(connection))).message).not.toMatch(/hunter2|ana/);
    expect(seen).toEqual([`Basic ${btoa('ana:hunter2')}`]);
  });

  test.each([
    ['a name alone', 'hunter2token'],
    ['what only looks encoded', 'hunter2%zz'],
  ])('in the address: %s', async (_, name) => {
    const address = await serve((request, response) =>
      json(400, {
        error_code: 'X',
        message: `${Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64')} is unknown`,
      })(request, response),
    );
    const { message } = await failureOf(ask(connect(address.replace('//', `//${name}@`))));
    expect(message).toContain('[redacted]');
    expect(message).not.toContain('hunter2');
  });

  test('are in no error, whatever the server says', async () => {
    const echo: Answer = (request, response) =>
      json(400, {
        error_code: 'INVALID_PARAMETER_VALUE',
        message: `you sent ${request.headers.authorization} which is ${'wrong '.repeat(500)}`,
      })(request, response);
    for (const settings of [{ token: 'secret-token' }, { username: 'ana', password: 'hunter2' }]) {
      const { message, hint } = await failureOf(ask(connect(await serve(echo), settings)));
      expect(message).toContain('[redacted]');
      expect(message.length).toBeLessThan(400);
      for (const secret of ['secret-token', 'hunter2', btoa('ana:hunter2')])
        expect(`${message}${hint}`).not.toContain(secret);
    }
  });
});

describe('what an answer means', () => {
  test.each<[string, Answer, object]>([
    [
      'no',
      json(404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'none' }),
      { failure: 'refused', errorCode: 'RESOURCE_DOES_NOT_EXIST', doubtful: false, code: 'INVALID_INPUT' },
    ],
    ['who are you', json(401, {}), { failure: 'denied', doubtful: false, code: 'PERMISSION_DENIED' }],
    ['you may not', json(403, {}), { failure: 'denied', code: 'PERMISSION_DENIED' }],
    [
      'not under this name',
      (_, response) =>
        response.writeHead(403).end('Invalid Host header - possible DNS rebinding attack detected'),
      { failure: 'denied', hint: expect.stringContaining('--allowed-hosts') },
    ],
    ['a bad day', json(500, {}), { failure: 'fault', doubtful: true, code: 'MLFLOW_UNAVAILABLE' }],
    ['too busy', json(429, { error_code: 'X', message: '' }), { failure: 'fault', doubtful: true }],
    ['a gateway’s page', (_, response) => response.writeHead(404).end('<html>'), { failure: 'fault' }],
    ['another form', json(200, { ok: 'yes' }), { failure: 'fault', doubtful: true }],
    ['no JSON', (_, response) => response.end('ok'), { failure: 'fault', doubtful: true }],
    [
      'go elsewhere',
      (_, response) => response.writeHead(302, { location: '/login' }).end(),
      { failure: 'fault' },
    ],
    ['nothing, and hangs up', (request) => request.destroy(), { failure: 'unreachable', doubtful: true }],
    [
      'half an answer',
      (_, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"ok": tr');
        response.destroy();
      },
      { failure: 'unreachable', doubtful: true },
    ],
  ])('%s', async (_, answer, expected) => {
    expect(await failureOf(ask(connect(await serve(answer)), 'POST'))).toMatchObject(expected);
  });

  test('a look is never doubtful', async () => {
    expect(await failureOf(ask(connect(await serve(json(500, {})))))).toMatchObject({ doubtful: false });
  });

  test('where nobody listens, nothing was done', async () => {
    const address = await serve(json(200, {}));
    for (const close of closing.splice(0)) close();
    const failure = await failureOf(ask(connect(address), 'POST'));
    expect(failure).toMatchObject({ failure: 'unreachable', doubtful: false, retryable: true });
    expect(failure.message).toContain('ECONNREFUSED');
  });

  test.each<[string, Answer]>([
    ['an answer that does not come', () => undefined],
    [
      'an answer that drips',
      (_, response) => {
        response.writeHead(200);
        const drip = setInterval(() => response.write(' '), 5);
        response.once('close', () => clearInterval(drip));
      },
    ],
  ])('%s is given up', async (_, answer) => {
    const connection = connect(await serve(answer), { timeoutMs: 60 });
    expect(await failureOf(ask(connection, 'POST'))).toMatchObject({
      failure: 'unreachable',
      doubtful: true,
      message: expect.stringContaining('nothing within 0.06 s'),
    });
  });

  test('a call that is cancelled ends', async () => {
    const controller = new AbortController();
    const address = await serve(() => controller.abort());
    await expect(ask(connect(address), 'GET', controller.signal)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});

describe('files', () => {
  const read = async (connection: Connection) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of connection.download('/file')) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  test('go both ways', async () => {
    let stored = '';
    const address = await serve(async (request, response) => {
      if (request.method === 'GET') return response.end(stored);
      for await (const chunk of request) stored += String(chunk);
      return response.end('{}');
    });
    const connection = connect(address);
    const file = join(temporaryDirectory(), 'file');
    const content = 'bytes '.repeat(100_000);
    writeFileSync(file, content);
    await connection.upload('/file', { file, bytes: content.length });
    expect(await read(connection)).toBe(content);
    stored = '';
    await connection.upload('/file', { text: 'ünï' });
    expect(await read(connection)).toBe('ünï');
  });

  test('that are cut off or refused are errors', async () => {
    const cut: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('some');
      response.destroy();
    };
    await expect(read(connect(await serve(cut)))).rejects.toBeInstanceOf(MlflowError);
    await expect(read(connect(await serve(json(500, {}))))).rejects.toMatchObject({ failure: 'fault' });
    const upload = connect(await serve(json(507, {}))).upload('/file', { text: 'x' });
    await expect(upload).rejects.toBeInstanceOf(ModelYardError);
  });
});

/** The address of one that listens and takes no connection: two wait, all others are left to try. */
async function startDeafServer(): Promise<string> {
  const program = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  closing.push(() => child.kill('SIGKILL'));
  const [port] = await once(child.stdout, 'data');
  return `http://127.0.0.1:${port}`;
}

test('a server that takes no connection is given up, for calls and for files', async () => {
  const address = await startDeafServer();
  const { port } = new URL(address);
  // More than it lets wait.
  for (let index = 0; index < 4; index++) {
    const socket = connectSocket(Number(port), '127.0.0.1').on('error', () => undefined);
    closing.push(() => socket.destroy());
  }
  const connection = connect(address, { timeoutMs: 100 });
  expect(await failureOf(ask(connection, 'POST'))).toMatchObject({ failure: 'unreachable' });
  const file = async () => {
    for await (const _ of connection.download('/file')) throw new Error('a byte came');
  };
  expect(await failureOf(file())).toMatchObject({ failure: 'unreachable' });
  const upload = connection.upload('/file', { text: 'x' });
  expect(await failureOf(upload)).toMatchObject({ failure: 'unreachable' });
});

describe('HTTPS', () => {
  test('takes a certificate of ours where it is named, and any where that is asked for', async () => {
    const address = await serve(json(200, { ok: true }), true);
    expect(await failureOf(ask(connect(address)))).toMatchObject({
      failure: 'unreachable',
      hint: expect.stringContaining('MLFLOW_TRACKING_SERVER_CERT_PATH'),
    });
    expect(await ask(connect(address, { caFile: certificate }))).toEqual({ ok: true });
    expect(await ask(connect(address, { insecureTls: true }))).toEqual({ ok: true });
  });

  test('a file of certificates that is not there stops the start', () => {
    expect(() => connect('https://127.0.0.1', { caFile: join(temporaryDirectory(), 'none.pem') })).toThrow(
      /^MLFLOW_TRACKING_SERVER_CERT_PATH=.*none\.pem cannot be read/,
    );
  });
});
