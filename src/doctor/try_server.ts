import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isPlainObject } from '../plain_object.ts';

/** What a client does first: shake hands and list the tools. */
export type Trial =
  | { tools: number; version: string; fault: undefined }
  /** What went wrong, in words; the server's own where it said something. */
  | { fault: string };

/** Clients wait a minute; a server answers in a second. */
const patienceMs = 20_000;

export interface StartedServer {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** Starts a server as a client does, shakes hands, lists its tools and ends it. */
export async function tryServer({ command, args, env, cwd }: StartedServer): Promise<Trial> {
  const child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-10_000);
  });
  // What is written to a server that has ended.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(saidIn(complaint) ?? `it ended at once (${signal ?? `exit code ${code}`})`),
    );
  });
  const limit = AbortSignal.timeout(patienceMs);
  const late = new Promise<string>((resolve) => {
    limit.addEventListener('abort', () => resolve(`it did not answer in ${patienceMs / 1000} s`));
  });
  const failed = Promise.race([ended, late]).then((fault) => ({ fault }));
  const trial = await Promise.race([shakeHands(child), failed]);
  child.stdin.end();
  const isEnded = await Promise.race([ended.then(() => true), late.then(() => false)]);
  if (!isEnded) child.kill('SIGKILL');
  return trial;
}

async function shakeHands({ stdin, stdout }: ChildProcess): Promise<Trial> {
  if (stdin === null || stdout === null) return { fault: 'it has no input and output' };
  const waiting = new Map<unknown, (message: Record<string, unknown>) => void>();
  const strange = new Promise<Trial>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const message = parsed(line);
      if (message === undefined)
        return resolve({ fault: `it writes something else than MCP to its output: ${line.slice(0, 200)}` });
      waiting.get(message.id)?.(message);
    });
  });
  const send = (message: object) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = (id: number, method: string, params: object) =>
    new Promise<Record<string, unknown>>((resolve) => {
      waiting.set(id, resolve);
      send({ id, method, params });
    });
  const answers = async (): Promise<Trial> => {
    const hello = await request(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'modelyard-doctor', version: '1' },
    });
    const { serverInfo } = resultOf(hello);
    if (!isPlainObject(serverInfo))
      return { fault: `it answers the handshake with ${JSON.stringify(hello.error)}` };
    if (serverInfo.name !== 'modelyard')
      return { fault: `another program answers, which calls itself ${String(serverInfo.name)}` };
    send({ method: 'notifications/initialized' });
    const { tools } = resultOf(await request(2, 'tools/list', {}));
    if (!Array.isArray(tools)) return { fault: 'it lists no tools' };
    return { tools: tools.length, version: String(serverInfo.version), fault: undefined };
  };
  return Promise.race([answers(), strange]);
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return isPlainObject(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

function resultOf({ result }: Record<string, unknown>): Record<string, unknown> {
  return isPlainObject(result) ? result : {};
}

/** The line of a complaint that says most: ModelYard's own, an error's, or the last. */
function saidIn(complaint: string): string | undefined {
  const lines = complaint.split('\n').map((line) => line.trim());
  const said =
    lines.find((line) => line.startsWith('modelyard: ')) ??
    lines.find((line) => /^(\w*Error)( \[\w+\])?: /.test(line)) ??
    lines.findLast((line) => line !== '');
  return said
    ?.replace(/^modelyard: /, '')
    .replace(/\.$/, '')
    .slice(0, 500);
}
