/**
 * What a start costs, beside the bare SDK server of floor_server.ts in the same run: from spawn to the answers of
 * initialize, tools/list and the first predict of a deployed version, by the clock and in processor time of the server's
 * process (Linux), its memory at rest (PSS, Linux), and the files that it opens (where strace is installed).
 * `npm run build && node dist/bench/start.js [rounds] [directory of another ModelYard's clone]`.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';
import { middle } from './middle.ts';

const rounds = Number(process.argv[2] ?? 11);
const others = process.argv.slice(3);
/** How long a server is left alone before its memory is looked at, milliseconds. */
const restMs = 3000;

const model = (name: string) => join(packageDirectory, 'test', 'models', `${name}.onnx`);
const [small, wide] = [model('linear_float32'), model('sum_free_columns')];
const directory = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));

interface Contestant {
  name: string;
  command: string[];
}
interface Session {
  child: ChildProcess;
  request(method: string, params: object): Promise<void>;
  notify(method: string): void;
}

function open({ name, command }: Contestant): Session {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      ...getDefaultEnvironment(),
      MODEL_REGISTRY_DIR: join(directory, name.replaceAll('/', '_')),
      MODELYARD_ENGINE_THREADS: '1',
    },
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('The server has no pipes.');
  const waiting = new Map<number, (line: string) => void>();
  createInterface({ input: stdout }).on('line', (line) => {
    const id = Number(/"id":(\d+)\}?$/.exec(line)?.[1] ?? /"id":(\d+)/.exec(line)?.[1]);
    waiting.get(id)?.(line);
  });
  let lastId = 0;
  const send = (message: object) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  return {
    child,
    request: (method, params) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, (line) => {
          if (line.includes('"isError":true') || line.includes('"error":{"code"')) reject(new Error(line));
          else resolve();
        });
        send({ id, method, params });
      }),
    notify: (method) => void send({ method }),
  };
}

async function greet({ request, notify }: Session): Promise<void> {
  await request('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  });
  notify('notifications/initialized');
}

const tool = (name: string, given: object) => ['tools/call', { name, arguments: given }] as const;
const predict = tool('predict', { model_id: 'small', inputs: [{ a: 1, b: 2, c: 3 }] });

async function end({ child }: Session): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await ended;
}

/** Processor time of a process so far, milliseconds. */
function processorMs(pid: number | undefined): number {
  try {
    const [user = 0, system = 0] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return ((user + system) * 1000) / 100;
  } catch {
    return Number.NaN;
  }
}

function pssMb(pid: number | undefined): number {
  try {
    return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

type Figures = Record<string, number>;

async function measure(contestant: Contestant): Promise<Figures> {
  const started = performance.now();
  const session = open(contestant);
  const { child, request } = session;
  const figures: Figures = {};
  const note = (what: string) => {
    figures[`${what}, ms`] = performance.now() - started;
    figures[`${what}, processor ms`] = processorMs(child.pid);
  };
  await greet(session);
  note('initialize');
  await request('tools/list', {});
  note('tools/list');
  await request(...predict);
  note('first predict');
  await end(session);
  return figures;
}

/** Memory after a start without a call. */
async function measureRest(contestant: Contestant): Promise<Figures> {
  const session = open(contestant);
  await greet(session);
  await session.request('tools/list', {});
  await pause(restMs);
  const figures = { 'at rest, MB (PSS)': pssMb(session.child.pid) };
  await end(session);
  return figures;
}

/** Files below node_modules or dist that are opened until the first predict is answered. */
async function countFiles({ name, command }: Contestant): Promise<Figures> {
  if (spawnSync('strace', ['-V']).error !== undefined) return {};
  const trace = join(directory, 'trace');
  const strace = ['strace', '-f', '-qq', '-e', 'trace=open,openat', '-o', trace];
  const session = open({ name, command: [...strace, ...command] });
  await greet(session);
  await session.request('tools/list', {});
  const opened = () =>
    readFileSync(trace, 'utf8').match(/open(at)?\(.*(\/node_modules\/|\/dist\/).*= \d+/g)?.length ?? 0;
  const figures: Figures = { 'files opened until tools/list': opened() };
  await session.request(...predict);
  figures['files opened until the first predict'] = opened();
  await end(session);
  return figures;
}

async function deploy(contestant: Contestant): Promise<void> {
  const session = open(contestant);
  await greet(session);
  const given = { model_id: 'small', version: '1', source: small, feature_names: ['a', 'b', 'c'] };
  await session.request(...tool('deploy_model', given));
  await session.request(...predict);
  await end(session);
}

const yard = (name: string, folder: string): Contestant => ({
  name,
  command: [process.execPath, join(folder, 'dist', 'src', 'main.js')],
});
const contestants: Contestant[] = [
  {
    name: 'bare',
    command: [process.execPath, join(packageDirectory, 'dist', 'bench', 'floor_server.js'), small, wide],
  },
  yard('ModelYard', packageDirectory),
  ...others.map((folder) => yard(folder, folder)),
];

try {
  for (const contestant of contestants.slice(1)) await deploy(contestant);
  const results = contestants.map((): Figures[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, contestant] of contestants.entries()) results[index]?.push(await measure(contestant));
  for (const [index, contestant] of contestants.entries()) {
    for (let round = 0; round < 3; round++) results[index]?.push(await measureRest(contestant));
    results[index]?.push(await countFiles(contestant));
  }
  console.log(
    `Node ${process.version}, ${execFileSync('uname', ['-srm'], { encoding: 'utf8' }).trim()}, ${rounds} rounds`,
  );
  const median = (index: number, name: string) =>
    middle(results[index]?.flatMap((each) => each[name] ?? []) ?? []);
  for (const name of new Set(results.flat().flatMap((each) => Object.keys(each)))) {
    const bare = median(0, name);
    const cells = contestants.map(({ name: who }, index) => {
      const value = median(index, name);
      return `${who} ${value.toFixed(0)} (${(value / bare).toFixed(2)} ×)`;
    });
    console.log(`${name.padEnd(38)} ${cells.join('   ')}`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
