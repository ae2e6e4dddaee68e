import { expect, test } from 'vitest';
import { type Launch, launchOf } from '../../src/clients/launch.ts';

test.each<[string, string[], Launch]>([
  [
    '/usr/bin/node',
    ['/opt/m/dist/src/main.js'],
    { kind: 'node', main: '/opt/m/dist/src/main.js', flags: [] },
  ],
  [
    'C:\\nodejs\\node.exe',
    ['--no-warnings', 'C:\\m\\main.js', '--read-only'],
    { kind: 'node', main: 'C:\\m\\main.js', flags: ['--read-only'] },
  ],
  ['modelyard', ['--config', 'c.json'], { kind: 'name', flags: ['--config', 'c.json'] }],
  ['/usr/local/bin/modelyard', [], { kind: 'name', flags: [] }],
  ['cmd', ['/c', 'modelyard', '--read-only'], { kind: 'name', flags: ['--read-only'] }],
  ['cmd.exe', ['/C', 'npx', '-y', 'modelyard'], { kind: 'fetched' }],
  ['npx', ['-y', 'modelyard'], { kind: 'fetched' }],
  ['C:\\nodejs\\npx.cmd', ['modelyard'], { kind: 'fetched' }],
  ['npm', ['exec', 'modelyard'], { kind: 'fetched' }],
  ['docker', ['run', 'modelyard'], { kind: 'other' }],
  ['node', ['--version'], { kind: 'other' }],
])('%s %j', (command, args, launch) => {
  expect(launchOf({ command, args })).toEqual(launch);
});
