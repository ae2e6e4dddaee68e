import { readFileSync } from 'node:fs';

/** The longest time the event loop could do nothing else, milliseconds. */
export interface Held {
  /** By the clock. */
  longest: number;
  /**
   * The longest without the time that the thread waited for a processor, which is what other work on the machine took;
   * undefined where the system does not tell (it is Linux that does).
   */
  own: number | undefined;
}

/** Looks at the clock every millisecond, from the main thread, and tells how late it came. */
export function watchLoop(): { finish(): Held } {
  const held: Held = { longest: 0, own: undefined };
  let seen = performance.now();
  let waited = waitedMs();
  const timer = setInterval(() => {
    const now = performance.now();
    const nowWaited = waitedMs();
    const late = Math.max(0, now - seen - 1);
    held.longest = Math.max(held.longest, late);
    if (waited !== undefined && nowWaited !== undefined)
      held.own = Math.max(held.own ?? 0, late - (nowWaited - waited));
    seen = now;
    waited = nowWaited;
  }, 1);
  return {
    finish() {
      clearInterval(timer);
      return held;
    },
  };
}

/** The longest of what is measured around, milliseconds, without the time that the thread waited for a processor. */
export function longestOf(): { longest: number; what: string; around<T>(what: string, work: () => T): T } {
  const found = {
    longest: 0,
    what: '',
    around<T>(what: string, work: () => T): T {
      const began = performance.now();
      const waited = waitedMs() ?? 0;
      try {
        return work();
      } finally {
        const took = performance.now() - began;
        const own = took - ((waitedMs() ?? 0) - waited);
        if (own > found.longest) Object.assign(found, { longest: own, what });
      }
    },
  };
  return found;
}

/** How long the main thread was ready to run and had no processor: the second number of the kernel's schedstat. */
function waitedMs(): number | undefined {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return undefined;
  }
}

export function holding({ longest, own }: Held): string {
  const part = own === undefined ? '' : ` (${own.toFixed(0)} ms without waiting for a processor)`;
  return `event loop held at most ${longest.toFixed(0)} ms${part}`;
}
