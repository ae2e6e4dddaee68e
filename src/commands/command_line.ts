import { existsSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ModelYardError, messageOf, SettingsError, systemCodeOf } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { connectDatabase, type OpenDatabase, sqliteFile } from '../storage/database.ts';
import { appliedMigrations, knownMigrations, requireKnown } from '../storage/migrate.ts';
import { storageError } from '../storage/storage_error.ts';

/** Takes --config out of a command's arguments. */
export function takeConfig(command: string, given: string[]): { config: string | undefined; rest: string[] } {
  const at = given.findIndex((argument) => argument === '--config' || argument.startsWith('--config='));
  if (at === -1) return { config: undefined, rest: given };
  const [name = ''] = given.slice(at, at + 1);
  const inline = name.startsWith('--config=') ? name.slice('--config='.length) : undefined;
  const config = inline ?? given[at + 1];
  if (config === undefined || config === '')
    throw new SettingsError(`--config needs the name of a file. See modelyard ${command} --help.`);
  return { config, rest: given.toSpliced(at, inline === undefined ? 2 : 1) };
}

/**
 * Parses a command's own arguments.
 * @throws SettingsError naming the argument that is wrong
 */
export function parseCommand<Options extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  given: string[],
  options: Options,
  positionals: { least: number; most: number; what: string } = { least: 0, most: 0, what: 'argument' },
) {
  try {
    const parsed = parseArgs({ args: given, options, allowPositionals: true, strict: true });
    const { length } = parsed.positionals;
    if (length < positionals.least) throw new Error(`The ${positionals.what} is missing.`);
    if (length > positionals.most)
      throw new Error(`Unexpected argument '${parsed.positionals[positionals.most]}'.`);
    return parsed;
  } catch (error) {
    throw new SettingsError(`${sentenceOf(error)} See modelyard ${command} --help.`);
  }
}

/** What Node says of an argument, without its advice on arguments that begin with a dash. */
function sentenceOf(error: unknown): string {
  const [sentence = ''] = messageOf(error).split('. To specify');
  return sentence.endsWith('.') ? sentence : `${sentence}.`;
}

/**
 * Opens a store that exists, and does something with it as it is: nothing is made or migrated.
 * @throws STORAGE_UNAVAILABLE when there is none, or one of another version
 */
export async function withStore<T>(
  { directory, databaseUrl }: Settings,
  use: (opened: OpenDatabase) => Promise<T>,
): Promise<T> {
  if (databaseUrl === undefined && !existsSync(sqliteFile(directory)))
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `There is no store in ${directory}.`,
      'Set MODEL_REGISTRY_DIR (and DATABASE_URL, where PostgreSQL is used) as for the server.',
    );
  const opened = await connectDatabase({ directory, databaseUrl });
  try {
    await requireCurrent(opened);
    return await use(opened);
  } catch (error) {
    throw damagedFile(error) ?? storageError(error);
  } finally {
    await opened.close().catch(() => undefined);
  }
}

function damagedFile(error: unknown): ModelYardError | undefined {
  const code = systemCodeOf(error);
  if (code === undefined || !/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return undefined;
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The database file is damaged (${code}).`,
    'Keep a copy of it, and restore a backup from before into a new store.',
    { cause: error },
  );
}

async function requireCurrent({ database }: OpenDatabase): Promise<void> {
  const applied = await appliedMigrations(database);
  const missing = knownMigrations().filter((name) => !applied.includes(name));
  requireKnown(applied);
  if (missing.length > 0)
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      applied.length === 0
        ? 'The database holds no store yet.'
        : `The store is of an older ModelYard (without migration ${missing.join(', ')}).`,
      'Start a server of this version on it once: it brings the tables up to date.',
    );
}
