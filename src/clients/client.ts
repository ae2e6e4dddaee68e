import { posix, win32 } from 'node:path';

/** The MCP clients whose configuration ModelYard knows. */
export const clientNames = ['claude-desktop', 'claude-code', 'cursor', 'vscode'] as const;
export type ClientName = (typeof clientNames)[number];

/** What tells where a machine keeps its files. */
export interface Machine {
  platform: NodeJS.Platform;
  home: string;
  environment: NodeJS.ProcessEnv;
}

export interface Client {
  title: string;
  /** The member of the configuration that holds its servers. */
  key: 'mcpServers' | 'servers';
  /** Whether the file may have comments and commas at the end. */
  comments: boolean;
  /** What a server's entry has besides command, args and env. */
  extra: Record<string, string>;
  /** Whether its servers start in a folder of the user's own: below it there may be a file of the project's. */
  projectFile: string | undefined;
  /** The user's file. */
  file(machine: Machine): string;
  /** What makes a changed configuration count. */
  restart: string;
}

export const clients: Record<ClientName, Client> = {
  'claude-desktop': {
    title: 'Claude Desktop',
    key: 'mcpServers',
    comments: false,
    extra: {},
    projectFile: undefined,
    file: (machine) => inConfiguration(machine, 'Claude', 'claude_desktop_config.json'),
    restart: 'Quit Claude Desktop wholly and start it again.',
  },
  'claude-code': {
    title: 'Claude Code',
    key: 'mcpServers',
    comments: false,
    extra: { type: 'stdio' },
    projectFile: '.mcp.json',
    file: (machine) => {
      const { join } = pathsOf(machine);
      return join(machine.environment.CLAUDE_CONFIG_DIR || machine.home, '.claude.json');
    },
    restart: 'Start a new session of Claude Code (/mcp lists its servers).',
  },
  cursor: {
    title: 'Cursor',
    key: 'mcpServers',
    comments: true,
    extra: {},
    projectFile: '.cursor/mcp.json',
    file: (machine) => pathsOf(machine).join(machine.home, '.cursor', 'mcp.json'),
    restart: 'Switch the server on in Cursor Settings, Tools & MCP.',
  },
  vscode: {
    title: 'VS Code',
    key: 'servers',
    comments: true,
    extra: { type: 'stdio' },
    projectFile: '.vscode/mcp.json',
    file: (machine) => inConfiguration(machine, 'Code', 'User', 'mcp.json'),
    restart: 'Start the server in VS Code (command "MCP: List Servers").',
  },
};

export function pathsOf({ platform }: Pick<Machine, 'platform'>): typeof posix {
  return platform === 'win32' ? win32 : posix;
}

/** Where programs with a window keep their users' configuration. */
function inConfiguration(machine: Machine, ...names: string[]): string {
  const { platform, home, environment } = machine;
  const { join } = pathsOf(machine);
  if (platform === 'win32') return join(environment.APPDATA || join(home, 'AppData', 'Roaming'), ...names);
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', ...names);
  return join(environment.XDG_CONFIG_HOME || join(home, '.config'), ...names);
}
