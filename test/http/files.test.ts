import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { startServer, type TestServer } from '../e2e/client.ts';
import { runCommand } from '../e2e/command.ts';
import { nbaFile, scratchDirectory } from '../e2e/environment.ts';
import { facts } from '../e2e/nba.ts';
import { until } from '../e2e/until.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from './http_server.ts';
import { connectHttp } from './mcp/connect_http.ts';

const scratch = scratchDirectory();
const settings = { MODELYARD_MAX_UPLOADS_MB: '3' };
let server: TestHttpServer;
let agent: TestServer;
let token = '';
beforeAll(async () => {
  token = createToken(scratch.path, 'ada', 'operator');
  server = await startHttpServer({ directory: scratch.path, settings, flags: ['--workers', '2'] });
  agent = await startServer({ directory: scratch.path });
});
afterAll(async () => {
  await agent.close();
  await server.close();
  scratch.remove();
});

const put = (name: string, body: Uint8Array<ArrayBuffer> | string) =>
  fetch(`${server.url}/v1/files/${name}`, { method: 'PUT', headers: bearer(token), body });
const list = async () =>
  z
    .object({ files: z.array(z.looseObject({ name: z.string(), bytes: z.number(), sha256: z.string() })) })
    .parse(await (await fetch(`${server.url}/v1/files`, { headers: bearer(token) })).json())
    .files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

test('a file is there when it is whole, is replaced and is deleted, and the audit trail says by whom', async () => {
  const large = Buffer.alloc(2_500_000, 'abc');
  const put1 = await put('rows.csv', large);
  expect([put1.status, await put1.json()]).toMatchObject([
    201,
    { name: 'rows.csv', path: 'upload:rows.csv', bytes: 2_500_000, sha256: sha256Of(large) },
  ]);
  // Until it is whole, the one before is there too.
  expect((await put('rows.csv', Buffer.alloc(1_000_000))).status).toBe(413);
  expect((await put('small', 'a')).status).toBe(201);
  expect(await list()).toEqual([
    { name: 'rows.csv', bytes: 2_500_000, sha256: sha256Of(large) },
    { name: 'small', bytes: 1, sha256: sha256Of(Buffer.from('a')) },
  ]);
  for (const name of ['rows.csv', 'small'])
    expect(
      (await fetch(`${server.url}/v1/files/${name}`, { method: 'DELETE', headers: bearer(token) })).status,
    ).toBe(200);
  expect(await list()).toEqual([]);
  const { output } = runCommand(scratch.path, ['audit', '--client', 'token ada', '--json']);
  expect(
    output
      .trim()
      .split('\n')
      .map((line) => z.looseObject({ action: z.string() }).parse(JSON.parse(line)).action),
  ).toEqual(['upload_file', 'upload_file', 'upload_file', 'delete_file', 'delete_file']);
});

test('no more comes in than there is room for, also in many uploads at once; what was broken off is gone', async () => {
  const statuses = await Promise.all(
    Array.from(
      { length: 6 },
      async (_, index) => (await put(`f${index}`, Buffer.alloc(1_200_000, index))).status,
    ),
  );
  expect(statuses.filter((status) => status === 201).length).toBeLessThanOrEqual(2);
  expect(statuses.every((status) => status === 201 || status === 413)).toBe(true);
  for (const { name } of await list())
    await fetch(`${server.url}/v1/files/${name}`, { method: 'DELETE', headers: bearer(token) });

  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const sent = Buffer.alloc(1_500_000);
  socket.write(
    `PUT /v1/files/half HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 2500000\r\n\r\n`,
  );
  await new Promise<void>((resolve) => socket.write(sent, () => resolve()));
  socket.destroy();
  // Its room is free again: two files that together need it.
  await until(
    'the room is free',
    async () => (await put('whole', Buffer.alloc(2_900_000, 1))).status === 201,
  );
  expect((await list()).map(({ name }) => name)).toEqual(['whole']);
  await fetch(`${server.url}/v1/files/whole`, { method: 'DELETE', headers: bearer(token) });
});

test('a connection whose upload was refused before its body had come in answers the next request', async () => {
  const socket = connect(server.port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  const authorized = `Host: localhost\r\nAuthorization: Bearer ${token}\r\n`;
  // More than there is room for, of unknown length, so that it is refused in its midst.
  socket.write(`PUT /v1/files/large HTTP/1.1\r\n${authorized}Transfer-Encoding: chunked\r\n\r\n`);
  const piece = Buffer.alloc(1_000_000);
  for (let sent = 0; sent < 8; sent += 1)
    socket.write(
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
    );
  await until('the upload is refused', () => received.startsWith('HTTP/1.1 413'));
  socket.write(`0\r\n\r\nGET /v1/files HTTP/1.1\r\n${authorized}\r\n`);
  await until('the next request is answered', () => received.includes('HTTP/1.1 200') || undefined);
  socket.destroy();
});

test('names and empty bodies are judged', async () => {
  expect((await put('.hidden', 'x')).status).toBe(400);
  expect((await put('a%2Fb', 'x')).status).toBe(400);
  expect((await put('none', '')).status).toBe(400);
  const absent = await fetch(`${server.url}/v1/files/absent`, { method: 'DELETE', headers: bearer(token) });
  expect([absent.status, await absent.text()]).toEqual([
    400,
    expect.stringContaining('no uploaded file absent'),
  ]);
});

test('a model and rows that were uploaded are what the tools of any process of the store take', async () => {
  await put('model.onnx', new Uint8Array(readFileSync(nbaFile('home_win_v2.onnx'))));
  await agent.call('deploy_model', {
    model_id: 'nba',
    version: '1',
    source: 'upload:model.onnx',
    feature_names: facts.feature_names,
    class_labels: facts.class_labels,
  });
  const asked = await fetch(`${server.url}/v1/models/nba/predict`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [Object.fromEntries(facts.feature_names.map((name) => [name, 1]))],
      prediction_ids: ['game-1'],
    }),
  });
  expect([asked.status, await asked.json()]).toMatchObject([
    200,
    { model_id: 'nba', version: '1', predictions: [{ prediction_id: 'game-1' }] },
  ]);
  await put('outcomes.csv', 'prediction_id,actual\ngame-1,home_win\n');
  const outcomes = await fetch(`${server.url}/v1/models/nba/outcomes`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({ path: 'upload:outcomes.csv' }),
  });
  expect([outcomes.status, await outcomes.json()]).toMatchObject([200, { matched: 1, unknown: [] }]);
  expect(await agent.fail('record_outcomes', { model_id: 'nba', path: 'upload:gone.csv' })).toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('gone.csv'),
  });
});

test('predict_file answers an uploaded file into another one, which is downloaded; no roots are needed', async () => {
  const closed = await startHttpServer({
    directory: scratch.path,
    settings: { ...settings, MODELYARD_ALLOWED_ROOTS: '' },
  });
  const client = createToken(scratch.path, 'batch', 'client');
  const { client: mcp, transport } = await connectHttp(closed.url, client);
  const predict = async (given: object) => {
    const { structuredContent, content } = await mcp.callTool({
      name: 'predict_file',
      arguments: { model_id: 'nba', input_path: 'upload:games.csv', ...given },
    });
    return { answer: structuredContent, content };
  };
  const download = (name: string, headers = bearer(client)) =>
    fetch(`${closed.url}/v1/files/${name}`, { headers });
  try {
    const row = facts.feature_names.map(() => '1').join(',');
    const rows = 3000;
    await put('games.csv', `${facts.feature_names.join(',')}\n${`${row}\n`.repeat(rows)}`);

    const { answer, content } = await predict({});
    expect(answer).toMatchObject({ rows, failed_rows: 0, output_path: 'upload:games.predictions.csv' });
    expect(JSON.stringify(content)).not.toContain('resource_link');
    const downloaded = await download('games.predictions.csv');
    expect([downloaded.status, downloaded.headers.get('content-type')]).toEqual([
      200,
      'application/octet-stream',
    ]);
    const bytes = new Uint8Array(await downloaded.arrayBuffer());
    const lines = new TextDecoder().decode(bytes).trim().split('\n');
    expect(lines).toHaveLength(rows + 1);
    expect(lines[0]).toContain(`${facts.feature_names.at(-1)},prediction_id,prediction`);
    expect(await list()).toContainEqual({
      name: 'games.predictions.csv',
      bytes: bytes.length,
      sha256: sha256Of(bytes),
    });
    const { output } = runCommand(scratch.path, [
      'audit',
      '--client',
      'token batch, over-http 1.0',
      '--json',
    ]);
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      {
        action: 'predict_file',
        outcome: 'done',
        after: expect.stringContaining(sha256Of(bytes)),
      },
    ]);

    for (const [given, message] of [
      // Nothing is overwritten, nothing else is written either.
      [{}, 'upload:games.predictions.csv exists already'],
      [{ output_path: 'upload:../games.csv' }, 'is no name for a file here'],
      [{ output_path: 'upload:games.csv' }, 'the input itself'],
      [{ output_path: 'upload:games.parquet' }, "not of the input's format"],
      [{ output_path: '/tmp/games.csv' }, 'this server writes no files of its machine'],
    ] as const)
      expect((await predict(given)).answer).toMatchObject({
        error: { message: expect.stringContaining(message) },
      });
    // What finds no room is not there at all.
    await put('filler', Buffer.alloc(3_000_000 - bytes.length - 100_000));
    expect((await predict({ output_path: 'upload:second.csv' })).answer).toMatchObject({
      error: { code: 'LIMIT_EXCEEDED' },
    });
    const names = (await list()).map(({ name }) => name);
    expect(names).not.toContain('second.csv');
    expect(readdirSync(join(scratch.path, 'registry', 'incoming'))).toEqual([]);

    expect((await download('absent')).status).toBe(400);
    expect((await download('games.csv', {})).status).toBe(401);
  } finally {
    await transport.terminateSession();
    await mcp.close();
    await closed.close();
    for (const { name } of await list())
      await fetch(`${server.url}/v1/files/${name}`, { method: 'DELETE', headers: bearer(token) });
  }
});

test('a download that its client breaks off leaves nothing behind', async () => {
  await put('large', Buffer.alloc(2_800_000, 7));
  const incoming = join(scratch.path, 'registry', 'incoming');
  const socket = connect(server.port, '127.0.0.1');
  socket.write(`GET /v1/files/large HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.once('data', () => resolve()));
  socket.destroy();
  await until('the copy is gone', () => readdirSync(incoming).length === 0);
  const head = await fetch(`${server.url}/v1/files/large`, { method: 'HEAD', headers: bearer(token) });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '2800000']);
  await until('the copy is gone', () => readdirSync(incoming).length === 0);
  await fetch(`${server.url}/v1/files/large`, { method: 'DELETE', headers: bearer(token) });
});

test('without roots no file of the machine is read', async () => {
  const closed = await startHttpServer({
    directory: scratch.path,
    settings: { MODELYARD_ALLOWED_ROOTS: '' },
  });
  try {
    const refused = await fetch(`${closed.url}/v1/models/nba/outcomes`, {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/json' },
      body: JSON.stringify({ path: '/etc/passwd.csv' }),
    });
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { error: { code: 'PATH_NOT_ALLOWED', hint: expect.stringContaining('upload:NAME') } },
    ]);
  } finally {
    await closed.close();
  }
});
