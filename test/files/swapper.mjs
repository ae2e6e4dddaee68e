/** Swaps a directory for a link to another one, to and fro, until its input ends. */
import { renameSync, symlinkSync, unlinkSync } from 'node:fs';

const [directory, elsewhere] = process.argv.slice(2);
let done = false;
process.stdin.on('end', () => {
  done = true;
});
process.stdin.resume();

function swap() {
  for (let turn = 0; turn < 50; turn++) {
    renameSync(directory, `${directory}.aside`);
    symlinkSync(elsewhere, directory);
    unlinkSync(directory);
    renameSync(`${directory}.aside`, directory);
  }
  if (!done) setImmediate(swap);
}
process.stdout.write('swapping\n');
swap();
