import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.ts';

interface ProcessEntry {
  pid: number;
  parent: number;
  /** Ended, but not yet collected by its parent. */
  isZombie: boolean;
}

function processes(): ProcessEntry[] {
  if (process.platform === 'linux')
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const status = readFileSync(`/proc/${name}/stat`, 'utf8');
          // The command's name, in brackets, may hold anything; state and parent come after it.
          const [state, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
          return [{ pid: Number(name), parent: Number(parent), isZombie: state === 'Z' || state === 'X' }];
        } catch {
          return []; // it ended while we looked
        }
      });
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = ''] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), isZombie: state.startsWith('Z') };
    });
}

/** The processes a server has started (its engine hosts) that are still there. */
export function childrenOf(pid: number): number[] {
  return processes().flatMap((entry) => (entry.parent === pid && !entry.isZombie ? [entry.pid] : []));
}

/** Waits until none of the processes runs any more. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  await until(`the end of the processes ${pids.join(', ')}`, () => {
    const running = processes().filter(({ pid, isZombie }) => !isZombie && pids.includes(pid));
    return running.length === 0;
  });
}
