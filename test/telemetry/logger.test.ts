import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { createLogger } from '../../src/telemetry/logger.ts';
import { temporaryDirectory } from '../temporary.ts';

// The border of the machine: what goes to the terminal is caught here.
let toStandardError: MockInstance<typeof process.stderr.write>;
let toStandardOutput: MockInstance<typeof process.stdout.write>;
beforeEach(() => {
  toStandardError = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  toStandardOutput = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const shown = () => toStandardError.mock.calls.map(([text]) => String(text)).join('');
const logsIn = (directory: string) => readdirSync(join(directory, 'logs'));
const written = (directory: string): Record<string, unknown>[] =>
  logsIn(directory).flatMap((name) =>
    readFileSync(join(directory, 'logs', name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  );

test('lines go to a file as JSON, warnings and errors to standard error too, nothing to standard output', async () => {
  const directory = temporaryDirectory();
  const logger = createLogger({ directory, level: 'info' });
  logger.error('it broke', { error: new Error('inner', { cause: 'its cause' }) });
  logger.warn('take care', { lines: 3 });
  logger.info('all is well');
  logger.debug('not wanted');
  await logger.close();
  expect(written(directory)).toMatchObject([
    {
      level: 'error',
      message: 'it broke',
      error: { message: 'inner', cause: 'its cause', stack: expect.stringContaining('logger.test') },
      timestamp: expect.stringMatching(/Z$/),
    },
    { level: 'warn', message: 'take care', lines: 3 },
    { level: 'info', message: 'all is well' },
  ]);
  expect(shown()).toMatch(
    /^modelyard error: it broke \{"error":.*\nmodelyard warn: take care \{"lines":3\}\n$/,
  );
  expect(toStandardOutput).not.toHaveBeenCalled();
});

test('with debug, everything goes to standard error', async () => {
  const logger = createLogger({ directory: temporaryDirectory(), level: 'debug' });
  logger.debug('in detail');
  await logger.close();
  expect(shown()).toBe('modelyard debug: in detail\n');
});

test('secrets reach neither the file nor standard error', async () => {
  const directory = temporaryDirectory();
  const secret = 'hunter2-Zq9';
  const logger = createLogger({ directory, level: 'debug' });
  const cause = new Error(`Bearer ${secret}abcdefgh was refused`);
  logger.error(`cannot reach postgres://user:${secret}@host/db`, {
    error: new Error(`failed with MLFLOW_TRACKING_TOKEN=${secret}`, { cause }),
    request: { headers: [{ name: 'password', value: secret }], api_key: secret, token_count: 3 },
  });
  await logger.close();
  expect(JSON.stringify(written(directory)) + shown()).not.toContain(secret);
  expect(written(directory)).toMatchObject([
    { message: 'cannot reach postgres://[redacted]@host/db', request: { token_count: 3 } },
  ]);
});

test('nothing is opened before the first line, nor by lines below the level', async () => {
  const directory = temporaryDirectory();
  const logger = createLogger({ directory, level: 'error' });
  logger.warn('not wanted');
  await logger.close();
  expect(readdirSync(directory)).toEqual([]);
});

test('close waits until every line is in the file', async () => {
  const directory = temporaryDirectory();
  const logger = createLogger({ directory, level: 'info' });
  for (let line = 0; line < 100; line++) logger.info('one of many', { line });
  await logger.close();
  expect(written(directory).map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, line) => line));
});

test('the newest files of earlier processes are kept, the older ones deleted', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'logs'));
  for (let day = 10; day < 40; day++) writeFileSync(join(directory, 'logs', `2020-01-${day}.log`), '');
  const logger = createLogger({ directory, level: 'info' });
  logger.info('new');
  await logger.close();
  const kept = logsIn(directory).filter((name) => name.startsWith('2020'));
  expect([kept.length, kept[0], kept.at(-1)]).toEqual([20, '2020-01-20.log', '2020-01-39.log']);
});

test('a directory that cannot be written costs the file, not the server', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'logs'), 'a file where the directory should be');
  const logger = createLogger({ directory, level: 'info' });
  logger.error('it broke');
  await logger.close();
  expect(shown()).toContain('modelyard error: it broke\n');
});

test('a file that cannot be opened costs the file, and close ends all the same', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-31T00:00:00.000Z') });
  const directory = temporaryDirectory();
  // In the place of the very file is a directory.
  mkdirSync(join(directory, 'logs', `2026-01-31T00-00-00-000Z-${process.pid}.log`), { recursive: true });
  const logger = createLogger({ directory, level: 'info' });
  vi.useRealTimers();
  logger.error('it broke');
  await logger.close();
  logger.error('after all is closed');
  expect(shown()).toContain('modelyard error: it broke\n');
});
