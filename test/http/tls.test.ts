import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from '../e2e/client.ts';
import { runCommand } from '../e2e/command.ts';
import { scratchDirectory, testModel } from '../e2e/environment.ts';
import { childrenOf, untilGone } from '../e2e/processes.ts';
import { until } from '../e2e/until.ts';
import { type CertificateFiles, makeCertificate } from './certificate.ts';
import { startHttpServer, type TestHttpServer } from './http_server.ts';
import { grpcClient } from './open_inference/grpc_client.ts';

const scratch = scratchDirectory();
let files: CertificateFiles;
beforeAll(async () => {
  files = makeCertificate(scratch.path, 'server');
  const agent = await startServer({ directory: scratch.path });
  await agent.call('deploy_model', {
    model_id: 'add_sub',
    version: '1',
    source: testModel('add_sub'),
    set_active: true,
  });
  await agent.close();
});
afterAll(() => scratch.remove());

const flagsOf = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => [
  '--tls-cert',
  certFile,
  '--tls-key',
  keyFile,
];

/** A request on a connection of its own. @param trusted the certificate that the client trusts */
function ask(
  { port }: { port: number },
  trusted: string | undefined,
  path: string,
  body?: object,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request(
      { host: '127.0.0.1', port, path, method, headers, ca: trusted, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    asked.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const sixteen = Array.from({ length: 16 }, (_, index) => index);
const tensors = ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32', shape: [1, 16] }));
const inference = { inputs: tensors.map((tensor) => ({ ...tensor, data: sixteen })) };
const grpcInference = {
  model_name: 'add_sub',
  inputs: tensors.map((tensor) => ({ ...tensor, contents: { int_contents: sixteen } })),
};
const sum = sixteen.map((value) => 2 * value);

describe.each(['1', '2'])('a server of %s that speaks HTTPS', (workers) => {
  let server: TestHttpServer;
  beforeAll(async () => {
    const flags = ['--workers', workers, '--grpc-port', '0', ...flagsOf(files)];
    server = await startHttpServer({ directory: scratch.path, flags });
  });
  afterAll(() => server.close());

  test('answers who trusts its certificate, by every protocol', async () => {
    expect(server.url).toMatch(/^https:/);
    const infer = await ask(server, files.cert, '/v2/models/add_sub/infer', inference);
    expect([infer.status, JSON.parse(infer.body)]).toMatchObject([
      200,
      { outputs: [{ name: 'OUTPUT0', data: sum }, { name: 'OUTPUT1' }] },
    ]);
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
    };
    expect(await ask(server, files.cert, '/mcp', initialize)).toMatchObject({
      status: 200,
      body: expect.stringContaining('serverInfo'),
    });
    const client = grpcClient(server.grpcPort ?? 0, files.cert);
    expect(await client.call('ModelInfer', grpcInference)).toMatchObject({
      outputs: [{ contents: { int_contents: sum } }, {}],
    });
    client.close();
  });

  test('who does not trust it, speaks none, or TLS that is too old, gets nothing', async () => {
    const other = makeCertificate(scratch.path, 'other');
    for (const trusted of [undefined, other.cert])
      await expect(ask(server, trusted, '/v2/health/live')).rejects.toMatchObject({
        code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY|SIGNATURE/),
      });
    const plain = plainRequest({ host: '127.0.0.1', port: server.port, path: '/v2/health/live' });
    const [refused] = await once(plain.end(), 'error');
    expect(refused).toMatchObject({ code: 'ECONNRESET' });
    for (const trusted of [undefined, other.cert]) {
      const client = grpcClient(server.grpcPort ?? 0, trusted);
      expect(await client.call('ServerLive', {}, { deadlineMs: 10_000 })).toMatchObject({
        status: expect.stringMatching(/UNAVAILABLE|DEADLINE_EXCEEDED/),
      });
      client.close();
    }
    for (const port of [server.port, server.grpcPort ?? 0]) {
      const old = connectTls({
        host: '127.0.0.1',
        port,
        ca: files.cert,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      const [error] = await once(old, 'error');
      expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
    }
    expect((await ask(server, files.cert, '/v2/health/live')).status).toBe(200);
  });
});

test.each(['1', '2'])(
  'a server of %s ends also while somebody has connected who does not begin to speak TLS',
  async (workers) => {
    const flags = ['--workers', workers, '--grpc-port', '0', ...flagsOf(files)];
    const server = await startHttpServer({ directory: scratch.path, flags });
    const silent = [server.port, server.grpcPort ?? 0].map((port) =>
      connect(port, '127.0.0.1').on('error', () => undefined),
    );
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    expect((await ask(server, files.cert, '/v2/health/live')).status).toBe(200);
    server.process.kill('SIGTERM');
    // Calls under way have 35 s to end.
    expect(await server.ended).toBe(0);
    for (const socket of silent) socket.destroy();
  },
  30_000,
);

test('workers that are told to end one after another bring a renewed certificate into service', async () => {
  const [before, after] = [makeCertificate(scratch.path, 'before'), makeCertificate(scratch.path, 'after')];
  const [certFile, keyFile] = [join(scratch.path, 'live.crt'), join(scratch.path, 'live.key')];
  const put = (from: CertificateFiles) => {
    copyFileSync(from.certFile, certFile);
    copyFileSync(from.keyFile, keyFile);
  };
  put(before);
  const flags = ['--workers', '2', '--drain-seconds', '0', ...flagsOf({ certFile, keyFile })];
  const server = await startHttpServer({ directory: scratch.path, flags });
  try {
    expect((await ask(server, before.cert, '/v2/health/live')).status).toBe(200);
    put(after);
    const primary = server.process.pid ?? 0;
    for (const worker of childrenOf(primary)) {
      process.kill(worker, 'SIGTERM');
      await untilGone([worker]);
    }
    const isServed = async () => {
      const answers = await Promise.allSettled(
        [1, 2, 3, 4].map(() => ask(server, after.cert, '/v2/health/live')),
      );
      return answers.every(({ status }) => status === 'fulfilled');
    };
    await until('the renewed one is served', isServed, 60_000);
    await expect(ask(server, before.cert, '/v2/health/live')).rejects.toThrow();
  } finally {
    await server.close();
  }
}, 120_000);

test.each<[string, string, () => { certFile: string; keyFile: string }, string]>([
  [
    'a certificate that has expired',
    '1',
    () => makeCertificate(scratch.path, 'expired', [-30, -1]),
    'expired.crt expired at',
  ],
  [
    'the key of another one',
    '2',
    () => ({ ...files, keyFile: makeCertificate(scratch.path, 'wrong').keyFile }),
    'wrong.key is not the key of the certificate in --tls-cert=',
  ],
])('with %s a server of %s does not start, and says so once', (_, workers, make, complaint) => {
  const { code, complaint: told } = runCommand(scratch.path, [
    ...['serve', '--port', '0', '--workers', workers],
    ...flagsOf(make()),
  ]);
  expect([code, told]).toEqual([2, expect.stringContaining(complaint)]);
  expect(told.trim().split('\n')).toHaveLength(1);
});
