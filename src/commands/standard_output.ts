import { once } from 'node:events';
import { systemCodeOf } from '../errors.ts';
import { widthOf } from './terminal_style.ts';
import { cut } from './text_table.ts';

/**
 * Writes to standard output, no faster than it is read. When nobody reads any more, the process ends quietly, with the
 * exit code that it has so far.
 */
export async function print(text: string): Promise<void> {
  watchForEnd();
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

let watched = false;
function watchForEnd(): void {
  if (watched) return;
  watched = true;
  process.stdout.on('error', (error) => {
    if (systemCodeOf(error) === 'EPIPE') process.exit();
    throw error;
  });
}

/** Shows how far a long command is, in one line that is written over; on a terminal only. */
export function progressLine(): { show(text: string): void; end(): void } {
  const { stderr } = process;
  let shownAt = 0;
  return {
    show(text) {
      const now = performance.now();
      if (!stderr.isTTY || now - shownAt < 100) return;
      shownAt = now;
      stderr.write(`\r\u001b[K${cut(text, (widthOf(stderr) ?? 80) - 1)}`);
    },
    end() {
      if (stderr.isTTY && shownAt > 0) stderr.write('\r\u001b[K');
    },
  };
}
