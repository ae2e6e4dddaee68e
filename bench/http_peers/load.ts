import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { processorSeconds } from '../processor_time.ts';
import { peersDirectory } from './python_environment.ts';
import type { RunningServer } from './running_server.ts';

/** What a server did in one measurement. */
export interface Load {
  calls: number;
  /** Answered calls a second. */
  throughput: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Microseconds of processor time a call, of all processes and threads of the server. */
  processor: number;
}

const said = z.object({
  calls: z.number(),
  failed: z.number(),
  seconds: z.number(),
  p50: z.number(),
  p99: z.number(),
});

/** @throws unless wrk is installed, which costs the servers less of the processors than a generator of load in Node would */
export function requireWrk(): string {
  try {
    // It prints its version and exits with 1.
    execFileSync('sh', ['-c', 'wrk --version | head -n 1; command -v wrk'], { encoding: 'utf8' });
    return execFileSync('sh', ['-c', 'wrk --version | head -n 1'], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error('wrk makes the load: install it (apt-get install wrk, brew install wrk).');
  }
}

/** Calls as fast as `connections` connections can that wait for each answer. @param body a file. @throws when a call fails */
export async function measure(
  { url, pid }: RunningServer,
  body: string,
  connections: number,
  seconds: number,
): Promise<Load> {
  const before = processorSeconds(pid);
  const { stdout } = await promisify(execFile)(
    'wrk',
    [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--timeout', '30s', '--script', join(peersDirectory, 'load.lua'), url],
    ],
    { env: { ...process.env, BODY: body } },
  );
  const processor = processorSeconds(pid) - before;
  const load = said.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  if (load.failed > 0 || load.calls === 0)
    throw new Error(`${load.failed} of ${load.calls} calls of ${url} failed: ${stdout}`);
  return {
    calls: load.calls,
    throughput: load.calls / load.seconds,
    p50: load.p50,
    p99: load.p99,
    processor: (processor / load.calls) * 1e6,
  };
}
