import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exitCodeOf, exitCodeOfSignal } from '../../src/commands/exit_code.ts';
import { errorCodes, ModelYardError } from '../../src/errors.ts';

test('docs/COMMAND_LINE.md has the exit code of every error', () => {
  const page = readFileSync(new URL('../../docs/COMMAND_LINE.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| (\d+) \|.*$/gm)].flatMap(([row, number]) =>
    [...row.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code, Number(number)]),
  );
  const made = errorCodes.map((code) => [
    code,
    exitCodeOf(new ModelYardError(code as 'INTERNAL', 'what', 'hint')),
  ]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(made));
});

test('whether it may succeed later is what this error says, not its code', () => {
  const error = (code: 'TIMEOUT' | 'INVALID_INPUT', retryable: boolean) =>
    exitCodeOf(new ModelYardError(code, 'what', 'hint', { retryable }));
  expect(error('TIMEOUT', false)).toBe(1);
  expect(error('INVALID_INPUT', true)).toBe(75);
});

test('a signal has the code that shells have', () => {
  expect(exitCodeOfSignal('SIGINT')).toBe(130);
  expect(exitCodeOfSignal('SIGTERM')).toBe(143);
});
