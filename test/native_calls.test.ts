import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { builtFile } from '../src/built_file.ts';

test('threads that read SQLite are ended, by a cancelled task and by the end of the process, without ending the process', () => {
  const script = fileURLToPath(builtFile('test/threads/planted_ends.js'));
  const { status, signal, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
});
