/**
 * Starts an unpacked MCP bundle as a host does: the command that the bundle format's own library makes of the manifest and of
 * what a user answered, with a real client at the other end.
 *
 *   node test/installed/start_bundle.mjs BUNDLE LIBRARY HOME
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [bundle = '', library = '', home = ''] = process.argv.slice(2);
const { getMcpConfigForManifest } = await import(pathToFileURL(join(library, 'dist', 'index.js')).href);
const store = join(home, 'store');
const { command, args, env } = await getMcpConfigForManifest({
  manifest: JSON.parse(readFileSync(join(bundle, 'manifest.json'), 'utf8')),
  extensionPath: bundle,
  systemDirs: { HOME: home },
  userConfig: { directory: store, allowed_roots: bundle },
  pathSeparator: '/',
});
const client = new Client({ name: 'host', version: '1' });
await client.connect(
  new StdioClientTransport({ command, args, env: { PATH: process.env.PATH, HOME: home, ...env }, cwd: '/' }),
);
const { tools } = await client.listTools();
const call = async (name, given) => {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: given });
  if (isError) throw new Error(`${name}: ${JSON.stringify(content)}`);
  return structuredContent;
};
const source = join(bundle, 'examples', 'nba', 'home_win_v2.onnx');
await call('deploy_model', { model_id: 'nba', version: '1', source });
const { status, server } = await call('health_check', {});
await client.close();
if (status !== 'healthy' || server.role !== 'operator' || !existsSync(store))
  throw new Error(`The bundle's server is ${status}, its role ${server.role}.`);
process.stdout.write(`the bundle lists ${tools.length} tools and deploys a model\n`);
