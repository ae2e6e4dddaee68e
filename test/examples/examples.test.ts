import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exampleNames } from '../../examples/examples.ts';
import { runCommand } from '../e2e/command.ts';
import { temporaryDirectory } from '../temporary.ts';

/** An example's output as it stands beside it: ids differ in each run. */
const masked = (output: string) => output.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '<id>');

describe('modelyard example', () => {
  test.each(exampleNames)('%s prints what stands in its .txt', (name) => {
    const file = fileURLToPath(new URL(`../../examples/${name}.txt`, import.meta.url));
    const { code, output, complaint } = runCommand(temporaryDirectory(), ['example', name]);
    if (process.env.UPDATE_GUIDE === '1') writeFileSync(file, masked(output));
    expect(masked(output)).toBe(readFileSync(file, 'utf8'));
    expect([code, complaint]).toEqual([0, '']);
  });

  test('names those that there are', () => {
    const { code, complaint } = runCommand(temporaryDirectory(), ['example', 'nothing']);
    expect(code).toBe(2);
    for (const name of exampleNames) expect(complaint).toContain(name);
  });
});
