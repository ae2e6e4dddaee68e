#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { messageOf, SettingsError } from './errors.ts';

const usage = `Usage: modelyard [--config FILE] [--ephemeral] [--read-only]
       modelyard demo
       modelyard approve [ID [--deny] [--yes]]

Without a command it serves MCP on standard input and output: let an MCP client start it.

  --config FILE  JSON file of settings; the environment wins over it
  --ephemeral    keep everything in a temporary directory that goes away with the server
  --read-only    refuse every change
  --version, --help

demo runs the NBA example through a real MCP client in a temporary directory.
approve lists the changes that wait for a person, or grants one (--deny: denies it); needs MODELYARD_ROLE=admin.
`;

// Standard output belongs to the protocol: whatever a library prints goes to standard error.
const { error: toStandardError } = console;
for (const method of ['log', 'info', 'debug', 'trace', 'warn'] as const)
  console[method] = toStandardError.bind(console);

async function main(): Promise<void> {
  const [name, ...commandArguments] = process.argv.slice(2);
  if (name === 'approve') {
    const [{ readSettings }, { approveCommand }] = await Promise.all([
      import('./settings.ts'),
      import('./commands/approve.ts'),
    ]);
    process.exitCode = await approveCommand.run(readSettings(process.env), commandArguments);
    return;
  }
  const { values, positionals } = parseCommandLine();
  if (values.help) return print(usage);
  if (values.version) return print(`${(await import('./package_info.ts')).packageVersion}\n`);
  const [command, ...rest] = positionals;
  if (rest.length > 0 || (command !== undefined && command !== 'demo'))
    throw new SettingsError(`Unknown command ${positionals.join(' ')}. See modelyard --help.`);
  if (command === 'demo') {
    const { runDemo } = await import('../examples/nba/demo.ts');
    process.exit(await runDemo());
  }
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

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        ephemeral: { type: 'boolean' },
        'read-only': { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
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
  process.stderr.write(
    `modelyard: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
});
