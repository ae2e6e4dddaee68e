import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runCommand } from '../../e2e/command.ts';
import { type Scratch, scratchDirectory } from '../../e2e/environment.ts';
import { withDatabase } from '../../e2e/registry_tables.ts';
import { until } from '../../e2e/until.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from '../http_server.ts';
import { beginSession, post } from '../mcp/connect_http.ts';
import { grpcClient } from '../open_inference/grpc_client.ts';

let scratch: Scratch;
let server: TestHttpServer;
let lasting: string;
beforeAll(async () => {
  scratch = scratchDirectory();
  lasting = createToken(scratch.path, 'lasting', 'viewer');
  server = await startHttpServer({ directory: scratch.path, flags: ['--grpc-port', '0'] });
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

/** How a token comes to its end. */
const ends: [string, (name: string) => Promise<void>][] = [
  [
    'revoked',
    async (name) => {
      expect(runCommand(scratch.path, ['token', 'revoke', name]).code).toBe(0);
    },
  ],
  [
    'expired',
    (name) =>
      withDatabase(scratch.path, async (database) => {
        const values = { expires_at: Date.now() };
        await database.updateTable('tokens').set(values).where('name', '=', name).execute();
      }),
  ],
];

/** A client with one connection that it keeps. */
function keptConnection(token: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    ask: () =>
      new Promise<{ status: number; body: string; reused: boolean }>((resolve, reject) => {
        const headers = bearer(token);
        const asked = request({ agent, port: server.port, path: '/v1/files', headers }, (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body, reused: asked.reusedSocket }),
          );
        });
        asked.on('error', reject).end();
      }),
    close: () => agent.destroy(),
  };
}

describe.each(ends)('a token that is %s while connections of it are open', (how, end) => {
  const said = new RegExp(`The token of-.* ${how === 'expired' ? 'has expired' : 'was revoked'}`);
  const tools = { jsonrpc: '2.0', id: 7, method: 'tools/list' };

  test('is refused on the same connection of HTTP, and another one is not', async () => {
    const token = createToken(scratch.path, `of-http-${how}`, 'viewer');
    const [own, other] = [keptConnection(token), keptConnection(lasting)];
    expect([(await own.ask()).status, (await other.ask()).status]).toEqual([200, 200]);
    await end(`of-http-${how}`);
    const refused = await until('it is refused', async () => {
      const answer = await own.ask();
      return answer.status === 401 && answer;
    });
    expect(refused).toMatchObject({ reused: true, body: expect.stringMatching(said) });
    expect(await other.ask()).toMatchObject({ status: 200, reused: true });
    own.close();
    other.close();
  });

  test('is refused on the same channel of gRPC, and another one is not', async () => {
    const token = createToken(scratch.path, `of-grpc-${how}`, 'viewer');
    const client = grpcClient(server.grpcPort ?? 0);
    const ask = () => client.call('ServerMetadata', {}, { token });
    expect(await ask()).toMatchObject({ name: 'modelyard' });
    await end(`of-grpc-${how}`);
    const refused = await until('it is refused', async () => {
      const answer = await ask();
      return answer.status === 'UNAUTHENTICATED' && answer;
    });
    expect(refused.details).toMatch(said);
    expect(await client.call('ServerMetadata', {}, { token: lasting })).toMatchObject({ name: 'modelyard' });
    client.close();
  });

  test('ends its sessions of MCP and their streams, and those of another one go on', async () => {
    const token = createToken(scratch.path, `of-mcp-${how}`, 'viewer');
    const sessions = [
      { token, session: await beginSession(server.url, token) },
      { token: lasting, session: await beginSession(server.url, lasting) },
    ] as const;
    const [own, other] = await Promise.all(
      sessions.map(async ({ token: bearerToken, session }) => {
        const stream = await fetch(`${server.url}/mcp`, {
          headers: { accept: 'text/event-stream', 'mcp-session-id': session, ...bearer(bearerToken) },
        });
        const state = { hasEnded: false };
        void stream.text().then(
          () => {
            state.hasEnded = true;
          },
          () => undefined,
        );
        return state;
      }),
    );
    expect((await post(server.url, tools, sessions[0])).status).toBe(200);
    await end(`of-mcp-${how}`);
    await until('its stream ends', () => own?.hasEnded);
    const refused = await post(server.url, tools, sessions[0]);
    expect([refused.status, await refused.text()]).toEqual([401, expect.stringMatching(said)]);
    expect((await post(server.url, tools, sessions[1])).status).toBe(200);
    expect(other?.hasEnded).toBe(false);
    await fetch(`${server.url}/mcp`, {
      method: 'DELETE',
      headers: { 'mcp-session-id': sessions[1].session, ...bearer(lasting) },
    });
  });

  test('is listed with its last use, which came before its end; one that nobody used has none', async () => {
    createToken(scratch.path, `unused-${how}`, 'viewer');
    const { output } = runCommand(scratch.path, ['token', 'list', '--json']);
    const row = z.looseObject({ name: z.string(), state: z.string(), last_used_at: z.string().nullable() });
    const listed = new Map(
      output
        .trim()
        .split('\n')
        .map((line) => row.parse(JSON.parse(line)))
        .map((token) => [token.name, token]),
    );
    for (const way of ['http', 'grpc', 'mcp'])
      expect(listed.get(`of-${way}-${how}`)).toMatchObject({
        state: how,
        last_used_at: expect.stringMatching(/^\d{4}-/),
      });
    expect(listed.get('lasting')).toMatchObject({ state: 'valid', last_used_at: expect.any(String) });
    expect(listed.get(`unused-${how}`)).toMatchObject({ last_used_at: null });
  });
});
