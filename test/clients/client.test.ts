import { expect, test } from 'vitest';
import { type ClientName, clientNames, clients, type Machine } from '../../src/clients/client.ts';

const machines: Record<string, Machine> = {
  linux: { platform: 'linux', home: '/home/ada', environment: {} },
  'linux with XDG': { platform: 'linux', home: '/home/ada', environment: { XDG_CONFIG_HOME: '/conf' } },
  macos: { platform: 'darwin', home: '/Users/ada', environment: {} },
  windows: {
    platform: 'win32',
    home: 'C:\\Users\\ada',
    environment: { APPDATA: 'C:\\Users\\ada\\AppData\\Roaming' },
  },
  'windows without APPDATA': { platform: 'win32', home: 'C:\\Users\\ada', environment: {} },
};

test.each<[string, Record<ClientName, string>]>([
  [
    'linux',
    {
      'claude-desktop': '/home/ada/.config/Claude/claude_desktop_config.json',
      'claude-code': '/home/ada/.claude.json',
      cursor: '/home/ada/.cursor/mcp.json',
      vscode: '/home/ada/.config/Code/User/mcp.json',
    },
  ],
  [
    'linux with XDG',
    {
      'claude-desktop': '/conf/Claude/claude_desktop_config.json',
      'claude-code': '/home/ada/.claude.json',
      cursor: '/home/ada/.cursor/mcp.json',
      vscode: '/conf/Code/User/mcp.json',
    },
  ],
  [
    'macos',
    {
      'claude-desktop': '/Users/ada/Library/Application Support/Claude/claude_desktop_config.json',
      'claude-code': '/Users/ada/.claude.json',
      cursor: '/Users/ada/.cursor/mcp.json',
      vscode: '/Users/ada/Library/Application Support/Code/User/mcp.json',
    },
  ],
  ...['windows', 'windows without APPDATA'].map((name): [string, Record<ClientName, string>] => [
    name,
    {
      'claude-desktop': 'C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
      'claude-code': 'C:\\Users\\ada\\.claude.json',
      cursor: 'C:\\Users\\ada\\.cursor\\mcp.json',
      vscode: 'C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json',
    },
  ]),
])('the clients of %s keep their configuration where they say', (name, files) => {
  const machine = machines[name];
  if (machine === undefined) throw new Error(`no machine ${name}`);
  expect(Object.fromEntries(clientNames.map((client) => [client, clients[client].file(machine)]))).toEqual(
    files,
  );
});

test('Claude Code may keep it elsewhere', () => {
  const environment = { CLAUDE_CONFIG_DIR: '/elsewhere' };
  expect(clients['claude-code'].file({ platform: 'linux', home: '/home/ada', environment })).toBe(
    '/elsewhere/.claude.json',
  );
});
