import { expect, test } from 'vitest';
import { entryByName, isFetched, lastingNode } from '../../src/clients/server_entry.ts';

test('node is named by the path that outlives its next update, where that is this very one', () => {
  const links: Record<string, string> = {
    '/opt/homebrew/bin/node': '/opt/homebrew/Cellar/node/22.1.0/bin/node',
    '/opt/homebrew/Cellar/node/22.1.0/bin/node': '/opt/homebrew/Cellar/node/22.1.0/bin/node',
    '/home/ada/.nvm/v20/bin/node': '/home/ada/.nvm/v20/bin/node',
  };
  const environment = { PATH: '/opt/homebrew/bin:/usr/bin' };
  const lasting = (running: string, platform: NodeJS.Platform = 'darwin') =>
    lastingNode(
      running,
      { platform, environment },
      (path) => links[path],
      (path) => path in links,
    );
  expect(lasting('/opt/homebrew/Cellar/node/22.1.0/bin/node')).toBe('/opt/homebrew/bin/node');
  // PATH has another Node than the one that runs.
  expect(lasting('/home/ada/.nvm/v20/bin/node')).toBe('/home/ada/.nvm/v20/bin/node');
});

test('a command is started by its name, on Windows by the shell', () => {
  const env = { MODELYARD_ROLE: 'viewer' };
  expect(entryByName({ platform: 'linux' }, env)).toEqual({ command: 'modelyard', args: [], env });
  expect(entryByName({ platform: 'win32' }, env, ['--read-only'])).toEqual({
    command: 'cmd',
    args: ['/c', 'modelyard', '--read-only'],
    env,
  });
});

test.each<[NodeJS.Platform, string, boolean]>([
  ['linux', '/home/ada/.npm/_npx/1f/node_modules/modelyard/dist/src/main.js', true],
  ['linux', '/usr/lib/node_modules/modelyard/dist/src/main.js', false],
  ['win32', 'C:\\Users\\ada\\AppData\\Local\\npm-cache\\_npx\\1f\\node_modules\\modelyard\\main.js', true],
  ['win32', 'C:\\my_npx\\modelyard\\main.js', false],
])('on %s %s lies in the cache of npx: %s', (platform, main, fetched) => {
  expect(isFetched(main, { platform })).toBe(fetched);
});
