import { hostname } from 'node:os';
import { uuidv7 } from 'uuidv7';
import { systemCodeOf } from '../errors.ts';

/**
 * Names of files that belong to a running process: `HOST~PID~ID`, perhaps with something before. Whoever finds one can
 * tell whether its owner is gone.
 */
const thisHost = hostname().replace(/[^A-Za-z0-9-]/g, '_');

export function ownedName(): string {
  return `${thisHost}~${process.pid}~${uuidv7()}`;
}

const pattern = /([^~/\\]+)~(\d+)~[0-9a-f-]{36}$/;

/**
 * What can be told of a file's owner by its name: `gone` for certain (it ran on this machine and its process is no more),
 * `here` for one that runs, `unknown` for another machine's or no such name.
 */
export function ownerOf(name: string): 'here' | 'gone' | 'unknown' {
  const [, host, pid] = pattern.exec(name) ?? [];
  if (host !== thisHost) return 'unknown';
  try {
    process.kill(Number(pid), 0);
    return 'here';
  } catch (error) {
    return systemCodeOf(error) === 'ESRCH' ? 'gone' : 'here';
  }
}
