import { catalogue } from '../../../tools/index.ts';
import { beginSession, post } from '../mcp/connect_http.ts';
import { httpOperation, type MatrixOperation } from './operations.ts';

/** Every tool, called in a session of its own; it is refused when it says so, and when it is not listed. */
const toolOperations = catalogue.map(
  ({ name, permission }): MatrixOperation => ({
    protocol: 'mcp',
    name,
    permission,
    async attempt({ url }, token) {
      const session = await beginSession(url, token).catch(() => undefined);
      if (session === undefined) return 'refused';
      const asked = { ...(token !== undefined && { token }), session };
      const ask = async (method: string, params: object) =>
        (await post(url, { jsonrpc: '2.0', id: 2, method, params }, asked)).text();
      const listed = await ask('tools/list', {});
      const called = await ask('tools/call', { name, arguments: { model_id: 'none' } });
      const isListed = listed.includes(`"name":"${name}"`);
      const isRefused = called.includes('"code":"PERMISSION_DENIED"');
      if (isListed === isRefused) throw new Error(`${name} is listed: ${isListed}, refused: ${isRefused}`);
      return isRefused ? 'refused' : 'allowed';
    },
  }),
);

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

export const mcpOperations = [
  httpOperation('mcp', 'READ', 'POST', '/mcp', ping),
  httpOperation('mcp', 'READ', 'GET', '/mcp'),
  httpOperation('mcp', 'READ', 'DELETE', '/mcp'),
  ...toolOperations,
];
