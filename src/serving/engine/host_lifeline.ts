/**
 * A worker thread of the engine host: it ends the process at once when the pipe that only the server holds
 * is closed, however the server ended and whatever the main thread is busy with; and when the process takes
 * more memory than it may.
 */
import { writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { lifelinePipe, memoryCapMarker } from './lifeline_pipe.ts';

const memoryCheckIntervalMs = 50;
const memoryBytes = Number(workerData);
if (!(memoryBytes > 0)) throw new Error(`The host was given no bound on its memory: ${workerData}.`);

const end = () => process.kill(process.pid, 'SIGKILL');
new Socket({ fd: lifelinePipe }).on('end', end).on('close', end).on('error', end).resume();

setInterval(() => {
  if (process.memoryUsage.rss() < memoryBytes) return;
  writeSync(2, `${memoryCapMarker}\n`);
  end();
}, memoryCheckIntervalMs);

try {
  // If memory runs out all the same, Linux should end a host and not the server.
  writeFileSync('/proc/self/oom_score_adj', '800');
} catch {
  // Another system, or not permitted.
}
