import { builtFile } from '../built_file.ts';
import type { DatabaseAddress } from '../storage/database.ts';
import { openThreads, type Threads } from '../threads/index.ts';
import type { Retention } from './retention.ts';

interface Log {
  address: DatabaseAddress;
  retention: Retention;
}

export type MoverTasks = {
  /** Moves what is in the journals now. Returns the number of lines that could not be read. */
  move: {
    input: Log & { /** Journals of this process that are written no more. */ finished: string[] };
    output: number;
  };
  /** Merges small segments, however heavy, and deletes expired ones. */
  tidy: { input: Log; output: undefined };
};

/**
 * A thread that moves journals and tidies the log, at the same time if both are requested. Work that closing
 * interrupts is done by the next process.
 */
export function openMover(): Threads<MoverTasks> {
  return openThreads<MoverTasks>(builtFile('mover_thread.js'), { shared: true });
}
