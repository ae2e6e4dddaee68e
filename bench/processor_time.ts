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

function statusOf(pid: number): { parent: number; seconds: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, …, utime, stime and those of children that have ended.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, seconds: (user + system + childUser + childSystem) / ticks };
  } catch {
    return undefined;
  }
}
