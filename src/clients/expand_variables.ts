import type { ConfiguredServer } from './configured_servers.ts';

export interface Surroundings {
  home: string;
  environment: NodeJS.ProcessEnv;
  /** The folder of the project, where the file is a project's. */
  folder: string | undefined;
}

/**
 * Puts values in the place of what clients write `${NAME}`, `${NAME:-otherwise}`, `${env:NAME}`, `${userHome}` and
 * `${workspaceFolder}`.
 * @returns the server, and the variables that only the client knows, such as `${input:password}`
 */
export function expandVariables(
  server: ConfiguredServer,
  around: Surroundings,
): { server: ConfiguredServer; unknown: string[] } {
  const unknown: string[] = [];
  const expand = (text: string) =>
    text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => {
      const value = variableOf(name, around);
      if (value === undefined) unknown.push(whole);
      return value ?? whole;
    });
  return {
    server: {
      ...server,
      command: expand(server.command),
      args: server.args.map(expand),
      env: Object.fromEntries(Object.entries(server.env).map(([name, value]) => [name, expand(value)])),
      cwd: server.cwd === undefined ? undefined : expand(server.cwd),
    },
    unknown,
  };
}

function variableOf(name: string, { home, environment, folder }: Surroundings): string | undefined {
  if (name === 'userHome') return home;
  if (name === 'workspaceFolder') return folder;
  if (name.startsWith('env:')) return environment[name.slice('env:'.length)] ?? '';
  const [variable = '', ...otherwise] = name.split(':-');
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) return undefined;
  return environment[variable] ?? (otherwise.length > 0 ? otherwise.join(':-') : undefined);
}
