import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { bearer } from '../http_server.ts';

/** Connects the SDK's own client to /mcp of a server. Each request may use another connection, and reach another worker. */
export async function connectHttp(
  url: string,
  token?: string,
  person?: (message: string) => Promise<ElicitResult>,
): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers: bearer(token) },
  });
  const client = new Client(
    { name: 'over-http', version: '1.0' },
    { capabilities: person === undefined ? {} : { elicitation: {} } },
  );
  if (person !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => person(params.message));
  await client.connect(transport);
  return { client, transport };
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

/** A POST to /mcp as a client makes it. */
export function post(
  url: string,
  body: unknown,
  { token, session, headers }: { token?: string; session?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(session !== undefined && { 'mcp-session-id': session }),
      ...bearer(token),
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

/** Begins a session without a client. @returns its id */
export async function beginSession(url: string, token?: string): Promise<string> {
  const response = await post(url, initialize, token === undefined ? {} : { token });
  await response.text();
  const session = response.headers.get('mcp-session-id');
  if (session === null) throw new Error(`initialize was answered with ${response.status}`);
  return session;
}
