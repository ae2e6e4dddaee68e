/**
 * Loaded into a server before its own program (`node --import`): for each SIGUSR2 it writes to standard error, as a line of
 * JSON, how long the event loop was held since the one before. Linux and macOS.
 */
import { watchLoop } from './loop_watch.ts';

let watch = watchLoop();
process.on('SIGUSR2', () => {
  const held = watch.finish();
  watch = watchLoop();
  process.stderr.write(`${JSON.stringify({ held })}\n`);
});
