import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../e2e/command.ts';
import { type Scratch, scratchDirectory, testModel } from '../../e2e/environment.ts';
import { withDatabase } from '../../e2e/registry_tables.ts';
import { stores, type TestStore } from '../../e2e/stores.ts';
import { until } from '../../e2e/until.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from '../http_server.ts';
import { beginSession, connectHttp, post } from './connect_http.ts';

const row = { f0: 1, f1: 2, f2: 3 };
const tools = { jsonrpc: '2.0', id: 7, method: 'tools/list' };
const predicting = {
  jsonrpc: '2.0',
  id: 8,
  method: 'tools/call',
  params: { name: 'predict', arguments: { model_id: 'linear', inputs: [row] } },
};

for (const { name, skipped, open } of stores)
  describe.skipIf(skipped)(`MCP over HTTP, two servers of two workers ${name}`, () => {
    let scratch: Scratch;
    let store: TestStore;
    let servers: TestHttpServer[];
    let settings: Record<string, string>;
    let operator: string;
    let viewer: string;
    let passing: string;
    beforeAll(async () => {
      scratch = scratchDirectory();
      store = await open();
      settings = { ...store.settings, MODELYARD_APPROVALS: 'required' };
      const start = { directory: scratch.path, settings, flags: ['--workers', '2'] };
      operator = createToken(scratch.path, 'operator', 'operator', store.settings);
      passing = createToken(scratch.path, 'passing', 'client', store.settings);
      viewer = createToken(scratch.path, 'viewer', 'viewer', store.settings);
      // The second as it is by default: it reads no files.
      const rootless = { ...start, settings: { ...settings, MODELYARD_ALLOWED_ROOTS: '' } };
      servers = await Promise.all([startHttpServer(start), startHttpServer(rootless)]);
      const { client } = await connectHttp(first(), operator);
      const deployed = await client.callTool({
        name: 'deploy_model',
        arguments: { model_id: 'linear', version: '1', source: testModel('linear_float32') },
      });
      expect(deployed.structuredContent).toMatchObject({ status: 'ready' });
      await client.close();
    }, 120_000);
    afterAll(async () => {
      await Promise.all(servers.map((server) => server.close()));
      await store.drop();
      scratch.remove();
    });
    const first = () => servers[0]?.url ?? '';
    const second = () => servers[1]?.url ?? '';
    /** Requests on connections of their own, which the workers take in turn. */
    const inTurn = { connection: 'close' };

    test('every worker of every server answers a session', async () => {
      const session = await beginSession(first(), operator);
      for (const url of [first(), first(), first(), second(), second(), second()]) {
        const listed = await post(url, tools, { token: operator, session, headers: inTurn });
        expect(listed.status).toBe(200);
        expect(listed.headers.get('content-type')).toContain('text/event-stream');
        expect(await listed.text()).toContain('"deploy_model"');
        const answered = await post(url, predicting, { token: operator, session, headers: inTurn });
        expect(answered.headers.get('content-type')).toContain('application/json');
        expect(await answered.json()).toMatchObject({
          id: 8,
          result: { structuredContent: { model_id: 'linear', version: '1', predictions: [{}] } },
        });
      }
    });

    test('two sessions at once get their own answers', async () => {
      const clients = await Promise.all([connectHttp(first(), operator), connectHttp(second(), operator)]);
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, number) =>
          clients[number % 2]?.client.callTool({
            name: 'predict',
            arguments: { model_id: 'linear', inputs: [row], prediction_ids: [`s-${number}-${Date.now()}`] },
          }),
        ),
      );
      const ids = answers.map((answer) => JSON.stringify(answer?.structuredContent).match(/s-(\d+)-/)?.[1]);
      expect(ids).toEqual(Array.from({ length: 40 }, (_, number) => String(number)));
      for (const { client, transport } of clients) {
        await transport.terminateSession();
        await client.close();
      }
    });

    test('a session that was ended at one server is 404 at all', async () => {
      const session = await beginSession(first(), operator);
      for (const url of [first(), second()])
        await (await post(url, tools, { token: operator, session, headers: inTurn })).text();
      const ended = await fetch(`${second()}/mcp`, {
        method: 'DELETE',
        // As the Python SDK sends it: without a body, but with a type of it.
        headers: { 'mcp-session-id': session, 'content-type': 'application/json', ...bearer(operator) },
      });
      expect(ended.status).toBe(200);
      let streak = 0;
      await until('404 from every worker of both', async () => {
        const url = streak % 2 === 0 ? first() : second();
        const { status } = await post(url, tools, { token: operator, session, headers: inTurn });
        streak = status === 404 ? streak + 1 : 0;
        return streak === 20;
      });
      const gone = await post(second(), tools, { token: operator, session });
      expect(await gone.json()).toMatchObject({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32001, message: expect.stringContaining('no such session') },
      });
    });

    test('a session belongs to the token that began it', async () => {
      const session = await beginSession(first(), operator);
      expect((await post(first(), tools, { token: viewer, session })).status).toBe(404);
      expect((await post(first(), tools, { session })).status).toBe(401);
    });

    test('the client and its token stand in the audit trail', async () => {
      const { client } = await connectHttp(second(), operator);
      await client.callTool({
        name: 'update_model',
        arguments: { model_id: 'linear', description: 'from afar' },
      });
      await client.close();
      const { output } = runCommand(scratch.path, ['audit', '--json'], store.settings);
      expect(output).toContain('token operator, over-http 1.0');
    });

    test('progress of a call comes with it', async () => {
      const { client } = await connectHttp(first(), operator);
      const records = Array.from({ length: 2000 }, (_, index) => ({ ...row, f0: index }));
      await client.callTool({
        name: 'set_reference_data',
        arguments: { model_id: 'linear', version: '1', data: records },
      });
      const told: number[] = [];
      const { structuredContent } = await client.callTool(
        {
          name: 'detect_drift',
          arguments: { model_id: 'linear', current_data: records.map((one) => ({ ...one, f0: one.f0 + 9 })) },
        },
        undefined,
        { onprogress: ({ progress }) => void told.push(progress) },
      );
      expect(structuredContent).toMatchObject({ model_id: 'linear' });
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      await client.close();
    });

    test('a person who can be asked is, by whichever worker; one who cannot becomes a request', async () => {
      const promote = {
        name: 'promote_model',
        arguments: { model_id: 'linear', version: '1', target_stage: 'production', reason: 'asked' },
      };
      const deaf = await connectHttp(first(), operator);
      const refused = await deaf.client.callTool(promote);
      expect(refused.structuredContent).toMatchObject({
        error: { code: 'APPROVAL_REQUIRED', message: expect.stringContaining('The request is') },
      });
      const asked: string[] = [];
      const { client } = await connectHttp(second(), operator, async (message) => {
        asked.push(message);
        return { action: 'accept', content: { answer: 'yes' } };
      });
      const promoted = await client.callTool(promote);
      expect(promoted.structuredContent).toMatchObject({ applied: true, to_stage: 'production' });
      expect(asked).toHaveLength(1);
      for (const one of [deaf.client, client]) await one.close();
    });

    test('a token that is revoked ends its sessions, and the stream that listens', async () => {
      const token = passing;
      const session = await beginSession(first(), token);
      const headers = { accept: 'text/event-stream', 'mcp-session-id': session, ...bearer(token) };
      const stream = await fetch(`${first()}/mcp`, { headers });
      expect(stream.status).toBe(200);
      const ended = stream.text();
      expect((await post(first(), predicting, { token, session })).status).toBe(200);
      expect(runCommand(scratch.path, ['token', 'revoke', 'passing'], store.settings).code).toBe(0);
      await until('401', async () => (await post(first(), predicting, { token, session })).status === 401);
      expect(await ended).toBe(': open\n\n');
    });

    test('what is no session, no JSON or no method of MCP is refused in a sentence', async () => {
      const refusals: [Promise<Response>, number, string][] = [
        [post(first(), tools, { token: operator }), 400, 'names no session'],
        [
          post(first(), { jsonrpc: '2.0', id: 1, method: 'initialize' }, { token: operator }),
          400,
          'names no session',
        ],
        [post(first(), tools, { token: operator, session: 'no-session' }), 404, 'no such session'],
        [
          post(first(), tools, { token: operator, session: '5a2a7df1-3a0b-4d6c-8f0e-0123456789ab' }),
          404,
          'no such session',
        ],
        [fetch(`${first()}/mcp`, { headers: bearer(operator) }), 400, 'names no session'],
        [fetch(`${first()}/mcp`, { method: 'PUT', headers: bearer(operator) }), 405, 'GET, POST and DELETE'],
      ];
      for (const [asking, status, sentence] of refusals) {
        const response = await asking;
        expect(response.status).toBe(status);
        expect(await response.json()).toMatchObject({
          jsonrpc: '2.0',
          id: null,
          error: { message: expect.stringContaining(sentence) },
        });
      }
      const session = await beginSession(first(), operator);
      const odd = { token: operator, session };
      const oldVersion = { ...odd, headers: { 'mcp-protocol-version': '1999-01-01' } };
      for (const [asking, status] of [
        [post(first(), tools, { ...odd, headers: { accept: 'application/json' } }), 406],
        [post(first(), predicting, { ...odd, headers: { accept: 'text/html' } }), 406],
        [post(first(), tools, oldVersion), 400],
        [post(first(), predicting, oldVersion), 400],
        [post(first(), { no: 'message' }, odd), 400],
      ] as const) {
        const response = await asking;
        expect(response.status).toBe(status);
        expect(await response.json()).toMatchObject({
          jsonrpc: '2.0',
          error: { message: expect.any(String) },
        });
      }
    });

    test('files of the machine are read by no tool', async () => {
      const rooted = await connectHttp(first(), operator);
      const again = { model_id: 'linear', version: '2', source: testModel('linear_float32') };
      await rooted.client.callTool({ name: 'register_model', arguments: again });
      await rooted.client.close();
      const { client } = await connectHttp(second(), operator);
      const path = testModel('linear_float32');
      const rows = '/etc/rows.csv';
      const calls: [string, Record<string, unknown>][] = [
        ['deploy_model', { version: '9', source: path }],
        ['register_model', { version: '9', source: path }],
        ['predict_file', { input_path: rows }],
        ['detect_drift', { current_path: rows }],
        ['set_reference_data', { path: rows }],
        ['record_outcomes', { path: rows }],
        ['log_predictions', { version: '1', path: rows }],
        ['backtest', { version: '2', path: rows }],
      ];
      for (const [name, given] of calls) {
        const { structuredContent } = await client.callTool({
          name,
          arguments: { model_id: 'linear', ...given },
        });
        expect({ name, structuredContent }).toMatchObject({
          name,
          structuredContent: { error: { code: 'PATH_NOT_ALLOWED' } },
        });
      }
      await client.close();
    });

    test('SIGTERM ends the streams that listen, and the servers with them', async () => {
      const own = await startHttpServer({
        directory: scratch.path,
        settings,
        flags: ['--workers', '2'],
      });
      const streams = await Promise.all(
        [0, 1, 2].map(async () => {
          const session = await beginSession(own.url, operator);
          const headers = { accept: 'text/event-stream', 'mcp-session-id': session, ...bearer(operator) };
          return fetch(`${own.url}/mcp`, { headers });
        }),
      );
      const told = Promise.all(streams.map((stream) => stream.text()));
      own.process.kill('SIGTERM');
      expect(await own.ended).toBe(0);
      expect(await told).toEqual([': open\n\n', ': open\n\n', ': open\n\n']);
    });
  });

test('without tokens a session on this machine reads and predicts', async () => {
  const server = await startHttpServer();
  const { client } = await connectHttp(server.url);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  expect(names).toContain('predict');
  expect(names).not.toContain('deploy_model');
  const refused = await client.callTool({ name: 'deploy_model', arguments: { model_id: 'a', version: '1' } });
  expect(refused.structuredContent).toMatchObject({ error: { code: 'PERMISSION_DENIED' } });
  const rows = await withDatabase(server.directory, (database) =>
    database.selectFrom('mcp_sessions').select(['owner', 'client_name', 'client_version']).execute(),
  );
  expect(rows).toEqual([{ owner: '', client_name: 'over-http', client_version: '1.0' }]);
  await client.close();
  await server.close();
});
