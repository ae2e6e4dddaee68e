import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Check } from '../doctor/check.ts';
import { problem } from '../doctor/check.ts';
import { checkArtifacts } from '../doctor/check_artifacts.ts';
import { checkClients } from '../doctor/check_clients.ts';
import { checkDirectory } from '../doctor/check_directory.ts';
import { checkMlflow } from '../doctor/check_mlflow.ts';
import { checkNativeParts } from '../doctor/check_native_parts.ts';
import { checkNode } from '../doctor/check_node.ts';
import { checkSettings } from '../doctor/check_settings.ts';
import { messageOf } from '../errors.ts';
import { packageVersion } from '../package_info.ts';
import type { Settings } from '../settings.ts';
import { parseCommand } from './command_line.ts';
import { print } from './standard_output.ts';

const usage = `Usage: modelyard doctor [--json] [--config FILE]

Looks whether ModelYard can work on this machine, and says what to fix: Node, the native parts, every setting, the
directory of the store (rights, room), the database and its version, the object store, the allowed roots, MLflow, and whether the entries
that it finds in the configurations of Claude Desktop, Claude Code, Cursor and VS Code would start there. Nothing is made,
migrated or changed: an entry is tried on a temporary store.
It reads the settings of the terminal that it is called in; what a client's server gets stands in its env block.

  --json  the checks as JSON: {version, ok, checks: [{subject, status: ok|note|problem, what, next?}]}

Exit code 0: nothing is wrong (there may be notes); 1: something is.
`;

export const doctorCommand = { usage, run: runDoctor };

async function runDoctor(given: string[], config: string | undefined): Promise<number> {
  const { values } = parseCommand('doctor', given, { json: { type: 'boolean' } });
  const { settings, checks: ofSettings } = checkSettings(process.env, config);
  const [native, store, artifacts, mlflow, clients] = await Promise.all([
    checkNativeParts(),
    checkStore(settings),
    checkArtifacts(settings),
    checkMlflow(settings),
    checkClients({
      machine: { platform: process.platform, home: homedir(), environment: process.env },
      folder: process.cwd(),
      main: realpathSync(process.argv[1] ?? ''),
      checkStore: async (theirs, who) =>
        isSameStore(theirs, settings) ? [] : troubles(await checkStore(theirs), who),
    }),
  ]);
  const checks = [
    checkNode(process.versions.node, process.execPath),
    ...native,
    ...ofSettings,
    ...store,
    artifacts,
    mlflow,
    ...clients,
  ];
  const problems = checks.filter(({ status }) => status === 'problem').length;
  process.exitCode = problems > 0 ? 1 : 0;
  await print(
    values.json === true
      ? `${JSON.stringify({ version: packageVersion, ok: problems === 0, checks }, undefined, 2)}\n`
      : describe(checks, problems),
  );
  return problems > 0 ? 1 : 0;
}

function isSameStore(one: Settings, other: Settings): boolean {
  return one.directory === other.directory && one.databaseUrl === other.databaseUrl;
}

async function checkStore(settings: Settings): Promise<Check[]> {
  const directory = checkDirectory(settings.directory);
  // SQLite itself may be what does not load.
  const database = await import('../doctor/check_database.ts').then(
    ({ checkDatabase }) => checkDatabase(settings),
    (error: unknown) =>
      problem('database', `cannot be looked at: ${messageOf(error)}`, 'Mend the native parts first.'),
  );
  return [...directory, database];
}

function troubles(checks: readonly Check[], who: string): Check[] {
  return checks.filter(({ status }) => status !== 'ok').map((check) => ({ ...check, subject: who }));
}

const marks = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' } as const;

function describe(checks: readonly Check[], problems: number): string {
  const width = Math.max(...checks.map(({ subject }) => subject.length));
  const lines = checks.map(({ subject, status, what, next }) => {
    const line = `${marks[status]} ${subject.padEnd(width)}  ${what}.`;
    return next === undefined ? line : `${line}\n${' '.repeat(width + 10)}→ ${next}`;
  });
  const notes = checks.filter(({ status }) => status === 'note').length;
  const count = (number: number, name: string) => `${number} ${name}${number === 1 ? '' : 's'}`;
  return `ModelYard ${packageVersion}\n${lines.join('\n')}\n${count(problems, 'problem')}, ${count(notes, 'note')}.\n`;
}
