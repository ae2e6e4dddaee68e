import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';

/** A server that is spoken to over its standard input and output by a client that does next to nothing. */
export interface LeanSession {
  pid: number;
  /** A call of a tool that succeeds; its answer is looked at no further. @throws Error with the answer where it says that it failed */
  call(tool: string, given: Record<string, unknown>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a script of a clone's `dist`. What the SDK's client costs, more than a server's answer does, is left out: a request is
 * one prepared line, of an answer only its end and the mark of an error are read.
 */
export async function leanSession(
  clone: string,
  script: string,
  args: readonly string[],
  settings: Record<string, string>,
): Promise<LeanSession> {
  const child = spawn(process.execPath, [join(clone, 'dist', script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...getDefaultEnvironment(), MODELYARD_ENGINE_THREADS: '1', ...settings },
  });
  const waiting = new Map<string, { resolve(): void; reject(error: Error): void }>();
  const receive = (line: string) => {
    const id = line.slice(line.lastIndexOf(':') + 1, -1);
    const call = waiting.get(id);
    waiting.delete(id);
    if (line.includes('"isError":true') || !line.startsWith('{"result":')) call?.reject(new Error(line));
    else call?.resolve();
  };
  let unread = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (unread + chunk).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) receive(line);
  });
  const ended = once(child, 'close').then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${clone}: the server has ended`));
  });
  let ids = 0;
  const ask = (method: string, params: string) =>
    new Promise<void>((resolve, reject) => {
      const id = String(++ids);
      waiting.set(id, { resolve, reject });
      child.stdin.write(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}\n`);
    });
  const prepared = new WeakMap<object, string>();
  const paramsOf = (name: string, given: Record<string, unknown>): string => {
    const params = prepared.get(given) ?? JSON.stringify({ name, arguments: given });
    prepared.set(given, params);
    return params;
  };
  await ask(
    'initialize',
    '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}',
  );
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return {
    pid: child.pid ?? 0,
    call: (tool, given) => ask('tools/call', paramsOf(tool, given)),
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
