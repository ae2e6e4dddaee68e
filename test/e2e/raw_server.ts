import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { JSONRPCMessageSchema, LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { serverEnvironment, serverFile, workingDirectory } from './environment.ts';

const reply = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  result: z.object({ isError: z.boolean().optional(), structuredContent: z.unknown() }).partial().optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
});
type Reply = z.output<typeof reply>;

export interface RawOptions {
  directory: string;
  settings?: Record<string, string>;
  flags?: string[];
  /** Standard input: these lines as a file, or a pipe to write to. */
  input?: readonly object[];
}

/** How a server process ended, and all it wrote. */
interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  replies: Reply[];
  standardError: string;
}

export interface RawServer {
  pid: number;
  process: ChildProcess;
  /** Writes a message, or a text as it is, as one line. */
  send(...messages: (object | string)[]): void;
  /** The answer to the request of that id, when it comes. */
  answer(id: number): Promise<Reply>;
  /** Resolves when the process has ended and nobody holds its output any more. */
  ended: Promise<Ending>;
}

/** Starts the built server as a bare child process. Whatever it prints must be JSON-RPC. */
export function startRaw(options: RawOptions): RawServer {
  const child = spawn(process.execPath, [serverFile, ...(options.flags ?? [])], {
    stdio: [
      options.input === undefined ? 'pipe' : inputFile(options.directory, options.input),
      'pipe',
      'pipe',
    ],
    env: serverEnvironment(options.directory, options.settings),
    cwd: workingDirectory,
  });
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error('The server did not start.');
  // A server that ends does not read what is still written to it.
  child.stdin?.on('error', () => undefined);
  let standardError = '';
  stderr.on('data', (chunk: Buffer) => {
    standardError += chunk.toString('utf8');
  });
  const replies: Reply[] = [];
  const unparsed: string[] = [];
  const waiting = new Map<number | string, (found: Reply) => void>();
  createInterface({ input: stdout }).on('line', (line) => {
    const message = parseLine(line);
    if (message === undefined) {
      unparsed.push(line);
      return;
    }
    replies.push(message);
    if (message.id !== undefined) waiting.get(message.id)?.(message);
  });
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('close', (code, signal) => {
      if (unparsed.length > 0)
        reject(new Error(`Standard output had what is not JSON-RPC: ${unparsed.join('\n').slice(0, 500)}`));
      else resolve({ code, signal, replies, standardError });
    });
  });
  return {
    pid,
    process: child,
    send(...messages) {
      for (const message of messages)
        child.stdin?.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
    },
    answer: (id) =>
      new Promise((resolve, reject) => {
        const found = replies.find((message) => message.id === id);
        if (found !== undefined) return resolve(found);
        waiting.set(id, resolve);
        ended.then(
          (ending) => reject(new Error(`No answer to ${id}: the server ended. ${ending.standardError}`)),
          reject,
        );
      }),
    ended,
  };
}

function inputFile(directory: string, messages: readonly object[]): number {
  const file = join(directory, 'requests.jsonl');
  writeFileSync(file, messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
  const descriptor = openSync(file, 'r');
  // The child has its own copy once it is spawned, in this turn of the event loop.
  setImmediate(() => closeSync(descriptor));
  return descriptor;
}

function parseLine(line: string): Reply | undefined {
  try {
    return reply.parse(JSONRPCMessageSchema.parse(JSON.parse(line)));
  } catch {
    return undefined;
  }
}

/** The two messages every session begins with; the first has the id 0. */
export const handshake: readonly object[] = [
  {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: LATEST_PROTOCOL_VERSION,
      capabilities: {},
      clientInfo: { name: 'modelyard-e2e', version: '1.0.0' },
    },
  },
  { jsonrpc: '2.0', method: 'notifications/initialized' },
];

export function toolCall(id: number, name: string, given: Record<string, unknown> = {}): object {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: given } };
}
