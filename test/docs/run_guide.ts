import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { expect } from 'vitest';
import { z } from 'zod';
import { startServer, type TestServer } from '../e2e/client.ts';
import { serverEnvironment, serverFile } from '../e2e/environment.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type Block, type Guide, repository } from './guide.ts';

/** The inspector's executable; where there is none, blocks that call it are left out. */
export const inspector = process.env.MODELYARD_TEST_INSPECTOR;

const server = z.object({
  command: z.string(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
});
const configurations = [
  server.transform((one) => [one]),
  z
    .object({ mcpServers: z.record(z.string(), server) })
    .transform(({ mcpServers }) => Object.values(mcpServers)),
  z.object({ servers: z.record(z.string(), server) }).transform(({ servers }) => Object.values(servers)),
];

/**
 * Runs the blocks of a guide in their order: shell commands in a folder that has what a clone has, with a home and a store of their
 * own; JSON with a tool's name as a call on that store, which must succeed; JSON called answer must be part of what came last; JSON with
 * the name of a file as that file; JSON of a server as a client starts it. `/home/me/modelyard` stands for the clone, `/home/me` for the home.
 * @throws with page and line of the block that does not do what it should
 */
export async function runGuide({ path, blocks }: Guide): Promise<void> {
  const home = temporaryDirectory();
  let open: TestServer | undefined;
  const session: Session = {
    home,
    environment: makePlace(home),
    async server() {
      open ??= await startServer({ directory: home, settings: { MODELYARD_ROLE: 'admin' } });
      return open;
    },
    answer: undefined,
  };
  const here = (text: string) =>
    text.replaceAll('/home/me/modelyard', repository).replaceAll('/home/me', home);
  try {
    for (const block of blocks.filter(isRun)) {
      try {
        await runBlock({ ...block, text: here(block.text) }, session);
      } catch (error) {
        throw new Error(`${path}:${block.line}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  } finally {
    await open?.close();
  }
}

interface Session {
  home: string;
  environment: Record<string, string>;
  /** That of the calls, started by the first. */
  server(): Promise<TestServer>;
  /** Of the last call, or what the last commands printed as JSON. */
  answer: unknown;
}

/** Whether running the guide runs this block. */
export function isRun({ language, text, notRun }: Block): boolean {
  if (notRun !== undefined || isRunByCi(text)) return false;
  return language === 'sh'
    ? inspector !== undefined || !text.includes('inspector')
    : /^jsonl?$/.test(language);
}

async function runBlock({ language, subject, text }: Block, session: Session): Promise<void> {
  const { home, environment } = session;
  if (language === 'sh') {
    const script = `set -euo pipefail; shopt -s expand_aliases\n${text}`;
    const { stdout } = await shell(script, home, environment);
    if (/"isError": ?true/.test(stdout)) throw new Error(stdout);
    session.answer = jsonIn(stdout);
  } else if (/^[\w.]+\.jsonl?$/.test(subject)) {
    const messages = language === 'jsonl' ? text.trim().split('\n') : [text];
    for (const message of messages) JSON.parse(message);
    writeFileSync(join(home, subject), text);
  } else if (subject === 'server') {
    for (const one of z.union(configurations).parse(JSON.parse(text))) await start(one, environment);
  } else if (subject === 'answer') {
    expect(session.answer).toMatchObject(JSON.parse(text));
  } else {
    const { attempt } = await session.server();
    const result = await attempt(subject, z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
    if (result.isError === true) throw new Error(JSON.stringify(result.content));
    session.answer = result.structuredContent;
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function shell(script: string, cwd: string, env: Record<string, string>) {
  // A server that reads standard input finds its end at once.
  const running = promisify(execFile)('bash', ['-c', script], { cwd, env, timeout: 120_000 });
  running.child.stdin?.end();
  return running;
}

/** Starts a server by the words of a client's configuration, and lists its tools. */
async function start(
  { command, args, env }: z.output<typeof server>,
  environment: Record<string, string>,
): Promise<void> {
  const client = new Client({ name: 'modelyard-guides', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({ command, args, env: { ...environment, ...env }, stderr: 'ignore' }),
  );
  const { tools } = await client.listTools();
  await client.close();
  if (tools.length === 0) throw new Error('The server lists no tool.');
}

/** A folder as a clone is, with the commands that an installation puts on the path. */
function makePlace(home: string): Record<string, string> {
  for (const name of ['dist', 'examples', 'mcp.config.json', 'node_modules', 'package.json', 'test'])
    symlinkSync(join(repository, name), join(home, name));
  const commands = join(home, 'bin');
  mkdirSync(commands);
  const command = (name: string, script: string) => {
    writeFileSync(join(commands, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(commands, name), 0o755);
  };
  command('modelyard', `exec '${process.execPath}' '${serverFile}' "$@"`);
  // npx would ask the registry for the version that is installed already.
  if (inspector !== undefined) command('npx', `shift 2; exec '${inspector}' "$@"`);
  const environment = serverEnvironment(home);
  return { ...environment, PATH: `${commands}${delimiter}${environment.PATH ?? ''}` };
}

/** npm's own commands are run by the scripts in .ci, each as it stands in the guide. */
export function isRunByCi(text: string): boolean {
  const lines = text.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim());
  return lines.every((line) => line === '' || /^(npm|npx vitest|bash \.ci\/)/.test(line));
}
