#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ModelYardError, messageOf, SettingsError } from './errors.ts';
import { missingNativePart, NativePartError, unsupportedPlatform } from './native_parts.ts';
import type { Settings } from './settings.ts';
import { readableStack } from './telemetry/readable_stack.ts';

/** It fits on a terminal of 24 lines and 80 columns, as a test knows. */
const usage = (
  tools: string,
  directory: string,
) => `Usage: modelyard [flags]              serves MCP on standard input and output
       modelyard TOOL [name=value …]  calls a tool; with --json it answers JSON
       modelyard COMMAND [arguments]  TOOL --help and COMMAND --help say more

${tools}

  serve      answer over HTTP          approve  changes that wait for a person
  token      tokens of HTTP's callers  audit    list and check the audit trail
  doctor     check this installation   verify   check what is stored
  install    write a client's entry    litter   files that no version needs
  uninstall  take it out again         backup   the whole store to one file
  demo       show it all in a minute   restore  fill an empty store from one
  example    shorter examples          upload   artifacts to the object store
                                       export   manifests for Kubernetes

  --config FILE    JSON settings   --ephemeral, --read-only, --version, --help
  --toolsets SETS  of core, serving, registry, monitoring, mlflow, rollouts
Settings: docs/SETTINGS.md. The default store: ${directory}
`;

interface Command {
  usage: string;
  /** @returns the exit code */
  run(settings: Settings, given: string[]): Promise<number>;
}

/** A command that reads no settings before, since it is there to say what is wrong with them, or needs none. */
interface FreeCommand {
  usage: string;
  /** @param config the file of --config @returns the exit code */
  run(given: string[], config: string | undefined): Promise<number>;
}

const freeCommands: Record<string, () => Promise<FreeCommand>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  install: async () => (await import('./commands/install.ts')).installCommand,
  uninstall: async () => (await import('./commands/uninstall.ts')).uninstallCommand,
  demo: async () => (await import('./commands/demo.ts')).demoCommand,
  example: async () => (await import('./commands/example.ts')).exampleCommand,
};

/** Each is loaded when it is called for: the server starts no slower for them. */
const commands: Record<string, () => Promise<Command>> = {
  token: async () => (await import('./commands/token.ts')).tokenCommand,
  approve: async () => (await import('./commands/approve.ts')).approveCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  litter: async () => (await import('./commands/litter.ts')).litterCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  upload: async () => (await import('./commands/upload.ts')).uploadCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
};

// Standard output belongs to the protocol: whatever a library prints goes to standard error.
const { error: toStandardError } = console;
for (const method of ['log', 'info', 'debug', 'trace', 'warn'] as const)
  console[method] = toStandardError.bind(console);

// Node shows where an error that nobody caught is in the bundle; this, where it is in the sources.
process.on('uncaughtExceptionMonitor', (error) => {
  process.stderr.write(`modelyard: ${readableStack(error.stack ?? error.message)}\n`);
});

async function main(): Promise<void> {
  const [before, command, after] = splitAtCommand(process.argv.slice(2));
  const values = parseFlags(before);
  if (values.help) return print(await help());
  if (values.version) return print(`${(await import('./package_info.ts')).packageVersion}\n`);
  // The doctor says it too, and what else is wrong.
  const missing =
    command === 'doctor' ? undefined : (unsupportedPlatform(process) ?? missingNativePart('libsql'));
  if (missing !== undefined) throw new SettingsError(missing);
  if (command !== undefined) return runCommand(command, before, after);
  const [{ readSettings }, { serveStdio }] = await Promise.all([
    import('./settings.ts'),
    import('./serve_stdio.ts'),
  ]);
  await serveStdio(
    readSettings(process.env, {
      config: values.config,
      ephemeral: values.ephemeral,
      readOnly: values['read-only'],
      toolsets: values.toolsets,
    }),
  );
}

async function runCommand(name: string, before: string[], given: string[]): Promise<void> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const loadFree = Object.hasOwn(freeCommands, name) ? freeCommands[name] : undefined;
  if (load === undefined && loadFree === undefined) return runToolNamed(name, before, given);
  const [command, free] = await Promise.all([load?.(), loadFree?.()]);
  if (given.includes('--help') || given.includes('-h')) return print((command ?? free)?.usage ?? '');
  const { takeConfig } = await import('./commands/command_line.ts');
  // --config may stand on either side of the command, and nothing else before it.
  const { config, rest } = takeConfig(name, [...before, ...given]);
  if (free !== undefined) process.exitCode = await free.run(rest, config);
  if (command === undefined) return;
  const { readSettings } = await import('./settings.ts');
  process.exitCode = await command.run(readSettings(process.env, { config }), rest);
}

/** What is no command is a tool's name, with _ or -; a test sees to it that none is both. */
async function runToolNamed(given: string, before: string[], words: string[]): Promise<void> {
  const tools = await toolNames();
  const name = given.replaceAll('-', '_');
  if (!tools.includes(name)) {
    const { nearestName } = await import('./nearest_name.ts');
    const near = nearestName(name, [...Object.keys(commands), ...Object.keys(freeCommands), ...tools]);
    throw new SettingsError(
      `Unknown command ${given}.${near === undefined ? '' : ` Did you mean ${near}?`} See modelyard --help.`,
    );
  }
  const { runTool } = await import('./commands/call_tool.ts');
  process.exitCode = await runTool(name, [...before, ...words]);
}

async function toolNames(): Promise<string[]> {
  const { readToolList } = await import('./tool_list.ts');
  return (await readToolList()).map(({ told }) => told.name);
}

async function help(): Promise<string> {
  const [{ defaultDirectory }, { wrapped }, names] = await Promise.all([
    import('./default_directory.ts'),
    import('./commands/text_table.ts'),
    toolNames(),
  ]);
  return usage(wrapped(`Tools: ${names.join(' ')}`, 80).join('\n'), defaultDirectory());
}

const serverOptions = {
  config: { type: 'string' },
  ephemeral: { type: 'boolean' },
  'read-only': { type: 'boolean' },
  toolsets: { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What stands before the command, the command (the first word that is no flag and no flag's value), what follows. */
function splitAtCommand(given: string[]): [string[], string | undefined, string[]] {
  const { tokens } = parseArgs({
    args: given,
    options: serverOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const command = tokens.find((token) => token.kind === 'positional');
  if (command === undefined) return [given, undefined, []];
  return [given.slice(0, command.index), command.value, given.slice(command.index + 1)];
}

function parseFlags(given: string[]) {
  try {
    return parseArgs({ args: given, options: serverOptions }).values;
  } catch (error) {
    throw new SettingsError(`${messageOf(error)} See modelyard --help.`);
  }
}

function print(text: string): void {
  process.stdout.write(text);
}

main().catch((error: unknown) => {
  if (error instanceof SettingsError) {
    process.stderr.write(`modelyard: ${error.message}\n`);
    process.exit(2);
  }
  if (error instanceof ModelYardError) {
    process.stderr.write(`modelyard: ${error.message} ${error.hint}\n`);
    process.exit(error instanceof NativePartError ? 2 : 1);
  }
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`modelyard: ${readableStack(shown)}\n`);
  process.exit(1);
});
