import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { findProgram } from '../../src/clients/find_program.ts';
import { temporaryDirectory } from '../temporary.ts';

const onWindows = (command: string, there: string[], environment: NodeJS.ProcessEnv) =>
  findProgram(command, { platform: 'win32', environment }, (path) => there.includes(path));

test.each<[string, string, string[], string | undefined]>([
  ['a name with its ending left out', 'node', ['C:\\nodejs\\node.exe'], 'C:\\nodejs\\node.exe'],
  ['a name with its ending', 'node.exe', ['C:\\nodejs\\node.exe'], 'C:\\nodejs\\node.exe'],
  [
    'the .cmd of npm',
    'modelyard',
    ['C:\\npm\\modelyard', 'C:\\npm\\modelyard.cmd'],
    'C:\\npm\\modelyard.cmd',
  ],
  ['a path', 'C:\\other\\node', ['C:\\other\\node.exe'], 'C:\\other\\node.exe'],
  ['a path with slashes', 'C:/other/node.exe', ['C:/other/node.exe'], 'C:/other/node.exe'],
  ['a path below the working directory, which no client knows', '.\\node.exe', ['.\\node.exe'], undefined],
  ['a file that is no program', 'modelyard', ['C:\\npm\\modelyard'], undefined],
])('Windows finds %s', (_, command, there, found) => {
  expect(onWindows(command, there, { Path: 'C:\\nodejs;C:\\npm' })).toBe(found);
});

test.skipIf(process.platform === 'win32')(
  'a program is a file that may be executed, the first in PATH',
  () => {
    const directory = temporaryDirectory();
    const folders = ['folder', 'text', 'program', 'later'].map((name) => join(directory, name));
    for (const folder of folders) mkdirSync(folder);
    mkdirSync(join(directory, 'folder', 'tool'));
    for (const name of ['text', 'program', 'later']) writeFileSync(join(directory, name, 'tool'), '');
    for (const name of ['program', 'later']) chmodSync(join(directory, name, 'tool'), 0o755);
    const environment = { PATH: folders.join(delimiter) };
    const machine = { platform: process.platform, environment };
    expect(findProgram('tool', machine)).toBe(join(directory, 'program', 'tool'));
    expect(findProgram('other', machine)).toBeUndefined();
    expect(findProgram(join(directory, 'text', 'tool'), machine)).toBeUndefined();
    expect(findProgram('tool', { ...machine, environment: {} })).toBeUndefined();
  },
);
