import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ChangePlan } from '../../src/access/approval.ts';
import type { Origin } from '../../src/access/origin.ts';
import { builtFile } from '../../src/built_file.ts';
import type { TestDatabase } from './databases.ts';

const script = fileURLToPath(builtFile('test/storage/server_process.js'));

export type Task =
  | { name: 'open' }
  | { name: 'obtain'; plan: ChangePlan; origin: Origin; now: number }
  | { name: 'promote'; modelId: string; versions: string[] }
  | { name: 'merge'; now: number }
  | { name: 'move'; directory: string; modelId: string; calls: number };

/** Runs tasks in a process each, all beginning at once. @returns what each gave. */
export async function inProcesses({ address }: TestDatabase, tasks: readonly Task[]): Promise<unknown[]> {
  const children = tasks.map((task) =>
    spawn(process.execPath, [script, JSON.stringify({ address, task })], { stdio: 'pipe' }),
  );
  await Promise.all(children.map((child) => once(child.stdout, 'readable')));
  return Promise.all(children.map(finish));
}

/** Runs a task in a process and kills it as soon as `isTime` says so, or lets it end if that comes first. */
export async function killedProcess(
  { address }: TestDatabase,
  task: Task,
  isTime: () => Promise<boolean>,
): Promise<void> {
  const child = spawn(process.execPath, [script, JSON.stringify({ address, task })], { stdio: 'pipe' });
  let hasEnded = false;
  const ended = once(child, 'exit').then(() => {
    hasEnded = true;
  });
  child.stdin.end();
  while (!hasEnded && !(await isTime())) await turn();
  child.kill('SIGKILL');
  await ended;
}

async function finish(child: ChildProcessWithoutNullStreams): Promise<unknown> {
  child.stdin.end();
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (errors !== '') throw new Error(errors);
  return JSON.parse(output.replace('ready\n', ''));
}
