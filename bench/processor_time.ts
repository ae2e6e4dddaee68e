import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second, as Linux reports times of processes. */
const ticks = 100;

/** Seconds that a process, its threads, its children and theirs have had of the processors; Linux only. */
export function processorSeconds(pid: number): number {
  const processes = new Map<number, { parent: number; seconds: number }>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const found = statusOf(Number(name));
    if (found !== undefined) processes.set(Number(name), found);
  }
  const isOurs = (of: number): boolean =>
    of === pid || (processes.has(of) && isOurs(processes.get(of)?.parent ?? 0));
  let sum = 0;
  for (const [of, { seconds }] of processes) if (isOurs(of)) sum += seconds;
  return sum;
}

/** Seconds of the first thread of a process alone; Linux only. */
export function mainThreadSeconds(pid: number): number {
  const [user = 0, system = 0] = timesOf(`/proc/${pid}/task/${pid}/stat`).slice(0, 2);
  return (user + system) / ticks;
}

/** Seconds of what this process started and that has ended, with what that started; Linux only. */
export function endedChildrenSeconds(): number {
  const [, , user = 0, system = 0] = timesOf('/proc/self/stat');
  return (user + system) / ticks;
}

/** Ticks: utime, stime and those of children that have ended. */
function timesOf(file: string): number[] {
  return fieldsOf(readFileSync(file, 'utf8')).slice(11, 15);
}

/** The process that started another. */
export function parentOf(pid: number): number {
  return fieldsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1] ?? 0;
}

/** What stands after the name, which may hold anything: state, parent, …, utime, stime and those of children that have ended. */
function fieldsOf(text: string): number[] {
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

function statusOf(pid: number): { parent: number; seconds: number } | undefined {
  try {
    const fields = fieldsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, seconds: (user + system + childUser + childSystem) / ticks };
  } catch {
    return undefined;
  }
}

/** Seconds of each thread of a process and of those that it started: `server, main`, `child 1, 4711` (a thread's id); Linux only. */
export function threadSeconds(pid: number): Map<string, number> {
  const found = new Map<string, number>();
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isChildOf(Number(name), pid));
  for (const [at, process] of [String(pid), ...children].entries())
    for (const thread of readdirSync(`/proc/${process}/task`)) {
      const name = `${at === 0 ? 'server' : `child ${at}`}, ${thread === process ? 'main' : thread}`;
      const nanoseconds = Number(
        readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ')[0],
      );
      found.set(name, nanoseconds / 1e9);
    }
  return found;
}

function isChildOf(process: number, parent: number): boolean {
  try {
    return parentOf(process) === parent;
  } catch {
    return false;
  }
}
