/** What the examples print, and how they stop when something is not as it should be. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Bar of 20 characters for a share. */
export function bar(share: number): string {
  return '█'.repeat(Math.round(share * 20)).padEnd(20, '·');
}

export function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
