import { mkdirSync } from 'node:fs';
import { originOf } from '../access/origin.ts';
import { type Role, roles } from '../access/roles.ts';
import { createToken, listTokens, revokeToken, stateOf, tokenName } from '../access/tokens.ts';
import { SettingsError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import type { TokenRow } from '../storage/schema.ts';
import { parseCommand } from './command_line.ts';
import { print } from './standard_output.ts';
import { userAtHost } from './user_at_host.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard token create NAME --role ROLE [--days N]
       modelyard token list [--json]
       modelyard token revoke NAME

Makes, lists and revokes the tokens that callers of modelyard serve come with (Authorization: Bearer TOKEN).

  --role ROLE  viewer (reads), client (and predicts), operator (and changes), admin (and overrides)
  --days N     it expires after so many days; else never
  --json       each token as a line of JSON

create prints the token alone on standard output, once: the store keeps a hash of it. The audit trail names callers by
their token. A revoked token is refused within a second; its name is not given again.
`;

export const tokenCommand = {
  usage,
  run: (settings: Settings, given: string[]) => runToken(settings, given, Date.now),
};

export async function runToken(settings: Settings, given: string[], clock: () => number): Promise<number> {
  const [verb, ...rest] = given;
  if (verb === 'create') return create(settings, rest, clock());
  if (verb === 'list') return list(settings, rest, clock());
  if (verb === 'revoke') return revoke(settings, rest, clock());
  throw new SettingsError(
    `${verb === undefined ? 'What to do is missing' : `Unexpected argument '${verb}'`}: create, list or revoke. See modelyard token --help.`,
  );
}

const nameWanted = { least: 1, most: 1, what: 'name of the token' };

async function create(settings: Settings, given: string[], now: number): Promise<number> {
  const { values, positionals } = parseCommand(
    'token',
    given,
    { role: { type: 'string' }, days: { type: 'string' } },
    nameWanted,
  );
  const name = nameOfToken(positionals[0]);
  const role = roleOf(values.role);
  const expiresAt = values.days === undefined ? undefined : now + daysOf(values.days) * 86_400_000;
  // The first server may need it to be started: the store is made where there is none.
  mkdirSync(settings.directory, { recursive: true, mode: 0o700 });
  const { database, close } = await openDatabase(settings);
  try {
    const origin = byHand(settings, 'token create', { name, role, days: values.days });
    const { text } = await createToken(database, { name, role, expiresAt }, origin, now);
    process.stderr.write(
      `modelyard: the token ${name} (${role}${expiresAt === undefined ? '' : `, until ${isoTime(expiresAt)}`}) is shown this once:\n`,
    );
    await print(`${text}\n`);
    return 0;
  } finally {
    await close();
  }
}

async function list(settings: Settings, given: string[], now: number): Promise<number> {
  const { values } = parseCommand('token', given, { json: { type: 'boolean' } });
  return withStore(settings, async ({ database }) => {
    const rows = await listTokens(database);
    if (values.json) for (const row of rows) await print(`${JSON.stringify(shown(row, now))}\n`);
    else
      await print(
        rows.length === 0
          ? 'No tokens: only this machine is served, reading and predicting.\n'
          : table(rows, now),
      );
    return 0;
  });
}

async function revoke(settings: Settings, given: string[], now: number): Promise<number> {
  const { positionals } = parseCommand('token', given, {}, nameWanted);
  const name = nameOfToken(positionals[0]);
  return withStore(settings, async ({ database }: { database: Database }) => {
    const before = await revokeToken(database, name, byHand(settings, 'token revoke', { name }), now);
    await print(
      before.revoked_at === null
        ? `${name} is revoked: every server refuses it within a second.\n`
        : `${name} was revoked already, at ${isoTime(before.revoked_at)}.\n`,
    );
    return 0;
  });
}

/** Whoever gets at the store with this command may do anything to it. */
function byHand(settings: Settings, action: string, given: Record<string, unknown>) {
  const caller = { role: settings.role, readOnly: settings.readOnly, client: userAtHost('token') };
  return originOf(caller, action, given);
}

function nameOfToken(name = ''): string {
  if (!tokenName.test(name))
    throw new SettingsError(
      `${JSON.stringify(name)} is no name for a token: 1 to 64 letters, digits, ".", "_", "@" or "-", beginning with a letter or digit.`,
    );
  return name;
}

function roleOf(given: string | undefined): Role {
  const role = roles.find((known) => known === given);
  if (role === undefined)
    throw new SettingsError(
      `${given === undefined ? '--role is missing' : `--role=${given} is no role`}: give one of ${roles.join(', ')}.`,
    );
  return role;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!/^\d{1,5}(\.\d+)?$/.test(text) || days <= 0)
    throw new SettingsError(`--days=${text} is not a number of days above 0.`);
  return days;
}

function shown(row: TokenRow, now: number) {
  return {
    name: row.name,
    role: row.role,
    state: stateOf(row, now),
    created_at: isoTime(row.created_at),
    created_by: row.created_by,
    expires_at: row.expires_at === null ? null : isoTime(row.expires_at),
    revoked_at: row.revoked_at === null ? null : isoTime(row.revoked_at),
    last_used_at: row.last_used_at === null ? null : isoTime(row.last_used_at),
  };
}

function table(rows: readonly TokenRow[], now: number): string {
  const lines = [
    ['name', 'role', 'state', 'created', 'expires', 'last used'],
    ...rows.map((row) => {
      const { name, role, state, created_at, expires_at, last_used_at } = shown(row, now);
      return [name, role, state, created_at, expires_at ?? 'never', last_used_at ?? 'never'];
    }),
  ];
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
