import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childrenOf } from '../e2e/processes.ts';

/** A PostgreSQL server of a test's own, which it may stop and start again. */
export interface OwnPostgresql {
  url: string;
  stop(): void;
  start(): void;
  /** All its processes hang, with their connections open, until they are thawed. */
  freeze(): void;
  thaw(): void;
  remove(): void;
}

const versionsFolder = '/usr/lib/postgresql';

/** Where the server's programs are; undefined: there are none, or this user may not run them. */
function programs(): string | undefined {
  if (!existsSync(versionsFolder)) return undefined;
  const [newest] = readdirSync(versionsFolder).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : join(versionsFolder, newest, 'bin');
}

export const mayOwnPostgresql = programs() !== undefined;

/** @param password of the user postgres; without it the server trusts everybody */
export async function ownPostgresql(password?: string): Promise<OwnPostgresql> {
  const bin = programs() ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'modelyard-postgresql-'));
  const data = join(directory, 'data');
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  // It refuses to run as root.
  const run = (program: string, given: string[]) => {
    const command = join(bin, program);
    const [file, all] = isRoot ? ['runuser', ['-u', 'postgres', '--', command, ...given]] : [command, given];
    execFileSync(file, all, { cwd: directory, stdio: 'ignore' });
  };
  if (isRoot) execFileSync('chown', ['postgres', directory]);
  const authentication = ['-A', password === undefined ? 'trust' : 'scram-sha-256'];
  if (password !== undefined) {
    const file = join(directory, 'password');
    writeFileSync(file, password);
    authentication.push(`--pwfile=${file}`);
  }
  run('initdb', ['-D', data, '-U', 'postgres', ...authentication, '--no-sync']);
  const options = `-p ${port} -k ${directory} -c listen_addresses=127.0.0.1`;
  const start = () => run('pg_ctl', ['-D', data, '-w', '-l', join(directory, 'log'), '-o', options, 'start']);
  const stop = () => run('pg_ctl', ['-D', data, '-w', '-m', 'immediate', 'stop']);
  start();
  /** The server and its sessions. */
  const signal = (name: NodeJS.Signals) => {
    const [line = ''] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    const server = Number(line);
    for (const pid of [server, ...childrenOf(server)]) process.kill(pid, name);
  };
  return {
    url: `postgres://postgres${password === undefined ? '' : `:${password}`}@127.0.0.1:${port}/postgres`,
    start,
    stop,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    remove() {
      if (existsSync(join(data, 'postmaster.pid'))) stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
