import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from './contestants.ts';
import { forms } from './forms.ts';

export interface RunningServer {
  pid: number;
  url: string;
  stop(): Promise<void>;
}

/** How long the slowest takes to be ready, milliseconds. */
const readyMs = 120_000;
const endMs = 20_000;

/** Starts a contestant; resolves when it answers. @throws with what it said where it never does */
export async function startServer(contestant: Contestant, workers: number): Promise<RunningServer> {
  const port = await freePort();
  const { file, args, env } = contestant.command(port, workers);
  // A group of its own, which ends together.
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutOurs(process.env), ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('utf8')}`.slice(-4000);
    });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} does not start`);
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // It is gone.
    }
  };
  const stop = async () => {
    kill('SIGTERM');
    await Promise.race([ended, pause(endMs, undefined, { ref: false })]);
    kill('SIGKILL');
  };
  const url = `http://127.0.0.1:${port}${contestant.path}`;
  const deadline = performance.now() + readyMs;
  while (!(await answers(url, contestant))) {
    if (performance.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${contestant.name} does not answer: ${said}`);
    }
    await pause(200);
  }
  return { pid, url, stop };
}

/** Servers refuse settings that they do not know, such as those of benches. */
function withoutOurs(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('MODELYARD_')));
}

async function answers(url: string, contestant: Contestant): Promise<boolean> {
  try {
    return (await ask(url, contestant, 1)).length === 1;
  } catch {
    return false;
  }
}

/** The probabilities that it answers with for the first rows. */
export async function ask(url: string, { form }: Contestant, rows: number): Promise<number[]> {
  const { body, read } = forms[form];
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body(rows),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text.slice(0, 500)}`);
  return read(JSON.parse(text));
}

/** A port of 127.0.0.1 that nobody listens on; nor, most likely, on the two above it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
