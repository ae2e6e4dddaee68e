#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ModelYardError, messageOf, SettingsError } from './errors.ts';
import { missingNativePart, NativePartError, unsupportedPlatform } from './native_parts.ts';
import type { Settings } from './settings.ts';
import { readableStack } from './telemetry/readable_stack.ts';

const usage = `Usage: modelyard [--config FILE] [--ephemeral] [--read-only]
       modelyard COMMAND [--config FILE] [arguments]

Without a command it serves MCP on standard input and output: let an MCP client start it.

  --config FILE  JSON file of settings; the environment wins over it
  --ephemeral    keep everything in a temporary directory that goes away with the server
  --read-only    refuse every change
  --version, --help

Commands, on the store that MODEL_REGISTRY_DIR or DATABASE_URL names; COMMAND --help says more:

  approve [ID]   list the changes that wait for a person, grant one or deny it
  audit          list, filter, check and export the audit trail
  verify         check artifacts, database, histories, audit trail and journals
  litter         list files that no version needs, or remove them
  backup FILE    write the whole store to one file, while servers run
  restore FILE   fill an empty store from a backup
  demo           run the NBA example through a real MCP client in a temporary directory
  example NAME   run a shorter one: basic_serving, ab_testing, drift_detection, production_deployment
`;

interface Command {
  usage: string;
  /** @returns the exit code */
  run(settings: Settings, given: string[]): Promise<number>;
}

/** Each is loaded when it is called for: the server starts no slower for them. */
const commands: Record<string, () => Promise<Command>> = {
  approve: async () => (await import('./commands/approve.ts')).approveCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  litter: async () => (await import('./commands/litter.ts')).litterCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
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
  if (values.help) return print(usage);
  if (values.version) return print(`${(await import('./package_info.ts')).packageVersion}\n`);
  const missing = unsupportedPlatform(process) ?? missingNativePart('libsql');
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
    }),
  );
}

async function runCommand(name: string, before: string[], given: string[]): Promise<void> {
  if (name === 'demo' && before.length + given.length === 0) {
    const { runDemo } = await import('../examples/nba/demo.ts');
    process.exit(await runDemo());
  }
  if (name === 'example' && before.length === 0) {
    const { exampleNames, runExample } = await import('../examples/examples.ts');
    const [wanted = '', ...rest] = given;
    const code = rest.length === 0 ? await runExample(wanted) : undefined;
    if (code !== undefined) process.exit(code);
    if (wanted === '--help' || wanted === '-h')
      return print(`Usage: modelyard example NAME\n\nNAME is one of ${exampleNames.join(', ')}.\n`);
    throw new SettingsError(
      `There is no example ${given.join(' ') || 'without a name'}. Take one of ${exampleNames.join(', ')}.`,
    );
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined)
    throw new SettingsError(`Unknown command ${[name, ...given].join(' ')}. See modelyard --help.`);
  const { usage: usageOfCommand, run } = await load();
  if (given.includes('--help') || given.includes('-h')) return print(usageOfCommand);
  const [{ readSettings }, { takeConfig }] = await Promise.all([
    import('./settings.ts'),
    import('./commands/command_line.ts'),
  ]);
  // --config may stand on either side of the command, and nothing else before it.
  const { config, rest } = takeConfig(name, [...before, ...given]);
  process.exitCode = await run(readSettings(process.env, { config }), rest);
}

const serverOptions = {
  config: { type: 'string' },
  ephemeral: { type: 'boolean' },
  'read-only': { type: 'boolean' },
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
  if (error instanceof SettingsError || error instanceof NativePartError) {
    process.stderr.write(`modelyard: ${error.message}\n`);
    process.exit(2);
  }
  if (error instanceof ModelYardError) {
    process.stderr.write(`modelyard: ${error.message} ${error.hint}\n`);
    process.exit(1);
  }
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`modelyard: ${readableStack(shown)}\n`);
  process.exit(1);
});
