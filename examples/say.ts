import { systemCodeOf } from '../src/errors.ts';

let isWatched = false;

/** Prints a line. Where nobody reads any more, an example goes on to its end, so that it leaves nothing behind. */
export function say(line: string): void {
  if (!isWatched)
    process.stdout.on('error', (error) => {
      if (systemCodeOf(error) !== 'EPIPE') throw error;
    });
  isWatched = true;
  process.stdout.write(`${line}\n`);
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Bar of 20 characters for a share. */
export function bar(share: number): string {
  return '█'.repeat(Math.round(share * 20)).padEnd(20, '·');
}

/** @throws with the sentence when something is not as it should be */
export function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
