import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { changeFile, readClientFile } from '../clients/change_file.ts';
import { type ClientName, clientNames, clients, type Machine } from '../clients/client.ts';
import { editEntry, entryOf } from '../clients/edit_configuration.ts';
import { findProgram } from '../clients/find_program.ts';
import { launchOf } from '../clients/launch.ts';
import { entryByName, entryByPath, isFetched, lastingNode } from '../clients/server_entry.ts';
import { ModelYardError, SettingsError } from '../errors.ts';
import { isPlainObject } from '../plain_object.ts';
import { readSettings, secretSettings } from '../settings.ts';
import { parseCommand } from './command_line.ts';
import { print } from './standard_output.ts';

const usage = `Usage: modelyard install CLIENT [--env NAME=VALUE …] [--by-name] [--dry-run]
       CLIENT: ${clientNames.join(', ')}

Writes the entry "modelyard" into the client's configuration of this user, and keeps everything else that is in it, to the letter;
a copy of the file as it was stays beside it. An entry that is there already is brought up to date: its settings and
flags are kept. The entry starts this very installation by absolute paths, so that it works whatever PATH the client has.

  --env NAME=VALUE  a setting of the server, such as MODEL_REGISTRY_DIR=/models; may be repeated; NAME= takes one out
  --by-name         start the command modelyard instead, where it is in PATH for the client too
  --dry-run         say what would be written, and write nothing

modelyard uninstall CLIENT takes the entry out again.
`;

export const installCommand = { usage, run: runInstall };

/** The name of the entry. */
export const entryName = 'modelyard';

async function runInstall(given: string[], config: string | undefined): Promise<number> {
  const { values, positionals } = parseCommand(
    'install',
    given,
    {
      env: { type: 'string', multiple: true },
      'by-name': { type: 'boolean' },
      'dry-run': { type: 'boolean' },
    },
    { least: 1, most: 1, what: 'client' },
  );
  const client = clients[clientNamed(positionals[0] ?? '', 'install')];
  const machine = thisMachine();
  const file = client.file(machine);
  const read = await readClientFile(file);
  const before = entryOf(read.text ?? '', client, entryName) ?? {};
  const env = { ...textsIn(before.env), ...settingsGiven(values.env ?? []) };
  for (const [name, value] of Object.entries(env)) if (value === '') delete env[name];
  const flags = config === undefined ? flagsOf(before) : ['--config', config];
  readSettings(env, { config });
  const entry = {
    ...client.extra,
    ...before,
    ...(values['by-name'] === true ? byName(machine, env, flags) : byPath(machine, env, flags)),
  };
  const shown = JSON.stringify(
    { [client.key]: { [entryName]: { ...entry, env: withoutSecrets(env) } } },
    undefined,
    2,
  );
  if (read.text !== undefined && isDeepStrictEqual(entryOf(read.text, client, entryName), entry)) {
    await print(`${file} has this entry already; nothing was changed.\n${shown}\n`);
    return 0;
  }
  const { text, fault } = editEntry(read.text ?? '', client, entryName, entry);
  if (text === undefined) throw unreadable(file, fault);
  if (values['dry-run'] === true) {
    await print(`Would write to ${file}:\n${shown}\nNothing was changed.\n`);
    return 0;
  }
  const copy = await changeFile(read, text, new Date());
  await print(
    [
      `Written to ${file}:`,
      shown,
      copy === undefined ? `The file is new: is ${client.title} installed?` : `As it was: ${copy}`,
      `Now: ${client.restart} modelyard doctor tries whether it starts.`,
      `Undo: modelyard uninstall ${positionals[0]}`,
      '',
    ].join('\n'),
  );
  return 0;
}

/** @throws SettingsError for a client that is not known */
export function clientNamed(given: string, command: string): ClientName {
  const found = clientNames.find((name) => name === given.toLowerCase());
  if (found === undefined)
    throw new SettingsError(
      `There is no client ${given} here: ${clientNames.join(', ')}. See modelyard ${command} --help.`,
    );
  return found;
}

export function thisMachine(): Machine {
  return { platform: process.platform, home: homedir(), environment: process.env };
}

export function unreadable(file: string, fault: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `${file} ${fault}; it was left as it is.`,
    'Correct it by hand and call again.',
  );
}

function byPath(machine: Machine, env: Record<string, string>, flags: readonly string[]) {
  const main = realpathSync(process.argv[1] ?? '');
  if (isFetched(main, machine))
    throw new ModelYardError(
      'INVALID_INPUT',
      `This ModelYard lies in npm's cache (${main}), which npm empties when it likes.`,
      'Install it (npm install --global with its tarball) and call the installed one.',
    );
  return entryByPath({ node: lastingNode(process.execPath, machine, realPath), main }, env, flags);
}

function byName(machine: Machine, env: Record<string, string>, flags: readonly string[]) {
  if (findProgram('modelyard', machine) === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'There is no command modelyard in PATH.',
      'Leave --by-name out, or install ModelYard globally first.',
    );
  return entryByName(machine, env, flags);
}

/** @throws SettingsError for what is not NAME=VALUE */
function settingsGiven(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
      if (name === undefined)
        throw new SettingsError(`--env ${text} is not NAME=VALUE. See modelyard install --help.`);
      return [name, value];
    }),
  );
}

function textsIn(value: unknown): Record<string, string> {
  if (!isPlainObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

function withoutSecrets(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, secretSettings.includes(name) ? '(not shown)' : value]),
  );
}

/** The flags that an entry has for the server. */
function flagsOf({ command, args }: Record<string, unknown>): readonly string[] {
  if (typeof command !== 'string' || !Array.isArray(args)) return [];
  const launch = launchOf({ command, args: args.map(String) });
  return launch.kind === 'node' || launch.kind === 'name' ? launch.flags : [];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
