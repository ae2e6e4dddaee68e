import { checkAuditChain, type KnownHead } from '../access/audit_chain.ts';
import { checkAuditState, type StateFault } from '../access/audit_state.ts';
import { type AuditFilter, auditPages, lastEntries } from '../access/audit_trail.ts';
import { SettingsError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import type { Database } from '../storage/database.ts';
import { createOutputFile } from '../storage/output_file.ts';
import type { AuditEntryRow } from '../storage/schema.ts';
import { readSnapshot } from '../storage/snapshot.ts';
import { parseCommand } from './command_line.ts';
import { newFile } from './new_file.ts';
import { print, progressLine } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard audit [filters] [--limit N] [--json]
       modelyard audit [filters] --export FILE|- [--force]
       modelyard audit --head
       modelyard audit --verify [--head HEAD]

Lists the audit trail: every change, done or refused, the newest last.

  --model ID --version V --action TOOL --role ROLE --client PART --outcome done|CODE --request ID
  --since TIME --until TIME   ISO 8601, for example 2026-01-31 or 2026-01-31T08:00:00Z
  --limit N                   the last N entries (default 50)
  --json                      each entry as a line of JSON instead of a table row
  --export FILE|-             all entries that fulfil the filters as JSON Lines; - is standard output
  --force                     let --export replace FILE
  --head                      print where the trail ends now, to be kept elsewhere
  --verify                    walk the whole chain of hashes, and compare what the entries left with what the
                              database says now; exit code 1 when one of them is broken
  --head HEAD                 with --verify: the trail must lead over this head, which was kept elsewhere

Each entry's hash is the SHA-256 of the JSON array of its fields from sequence to previous_hash, in the order in
which --export writes them (arguments, before, after and state are texts). Keep a head elsewhere: a trail that was
rewritten as a whole, or cut off at its end, does not lead over it.
`;

export const auditCommand = { usage, run: runAudit };

const options = {
  model: { type: 'string' },
  version: { type: 'string' },
  action: { type: 'string' },
  role: { type: 'string' },
  client: { type: 'string' },
  outcome: { type: 'string' },
  request: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
  export: { type: 'string' },
  force: { type: 'boolean' },
  verify: { type: 'boolean' },
} as const;

export async function runAudit(settings: Settings, given: string[]): Promise<number> {
  // A flag by itself, and what --verify is given.
  const head = { type: given.includes('--verify') ? 'string' : 'boolean' } as const;
  const { values } = parseCommand('audit', given, { ...options, head });
  const filter: AuditFilter = {
    modelId: values.model,
    version: values.version,
    action: values.action,
    role: values.role,
    client: values.client,
    outcome: values.outcome,
    requestId: values.request,
    since: timeOf('--since', values.since),
    until: timeOf('--until', values.until),
  };
  const limit = limitOf(values.limit);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (values.verify && (isFiltered || values.export !== undefined || values.limit !== undefined))
    throw new SettingsError('--verify walks the whole trail: it takes no filter, --limit or --export.');
  const known = typeof values.head === 'string' ? headOf(values.head) : undefined;
  if (values.head === true && (isFiltered || values.export !== undefined || values.limit !== undefined))
    throw new SettingsError(
      '--head tells where the whole trail ends: it takes no filter, --limit or --export.',
    );
  if (values.export === '') throw new SettingsError('--export needs the name of a file, or -.');
  return withStore(settings, async (opened) => {
    if (values.verify) return readSnapshot(opened, (snapshot) => verify(snapshot, known));
    if (values.head === true) return printHead(opened.database);
    if (values.export !== undefined)
      return exportTo(values.export, values.force ?? false, opened.database, filter);
    const rows = await lastEntries(opened.database, filter, limit);
    if (values.json) for (const row of rows) await print(jsonLine(row));
    else await print(rows.length === 0 ? 'No entries.\n' : table(rows));
    return 0;
  });
}

function timeOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, clock, zone] =
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  const time = Date.parse(clock !== undefined && zone === undefined ? `${text}Z` : text);
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d/.test(text))
    throw new SettingsError(
      `${flag}=${text} is not a time: write it as 2026-01-31 or 2026-01-31T08:00:00Z (UTC).`,
    );
  return time;
}

/** A head as --head prints it: the number of the last entry and its hash. */
function headOf(text: string): KnownHead {
  const [, sequence, hash] = /^\s*(\d{1,15})[:\s]+([0-9a-f]{64})\s*$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined)
    throw new SettingsError(`--head=${text} is no head: give what modelyard audit --head printed.`);
  return { sequence: Number(sequence), hash };
}

async function printHead(database: Database): Promise<number> {
  const { sequence, hash } = await database
    .selectFrom('audit_head')
    .select(['sequence', 'hash'])
    .executeTakeFirstOrThrow();
  await print(`${sequence}:${hash}\n`);
  return 0;
}

function limitOf(text = '50'): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > 100_000)
    throw new SettingsError(`--limit=${text} is not a whole number from 1 to 100000.`);
  return limit;
}

const shownRows = 50;

async function verify(database: Database, known: KnownHead | undefined): Promise<number> {
  const progress = progressLine();
  const { entries, head, faults, faultsTotal } = await checkAuditChain(
    database,
    (checked) => progress.show(`${checked} entries checked`),
    known,
  );
  const rows: StateFault[] = [];
  await checkAuditState(
    database,
    (fault) => rows.push(fault),
    (models) => progress.show(`${models} models compared`),
  );
  progress.end();
  const code = rows.length === 0 && faultsTotal === 0 ? 0 : 1;
  process.exitCode = code;
  for (const { row, fault } of rows.slice(0, shownRows)) await print(`${row} ${fault}.\n`);
  if (rows.length > 0)
    await print(
      `${rows.length} row${rows.length === 1 ? '' : 's'}${rows.length > shownRows ? ` (the first ${shownRows} are shown)` : ''} not as the audit trail left ${rows.length === 1 ? 'it' : 'them'}.\n`,
    );
  if (faultsTotal === 0) {
    await print(`The audit trail is whole: ${entries} entries. Head: ${head?.sequence} ${head?.hash}\n`);
    return code;
  }
  for (const { sequence, fault } of faults) await print(`Entry ${sequence}: ${fault}.\n`);
  await print(
    `The audit trail is broken: ${faultsTotal} fault${faultsTotal === 1 ? '' : 's'}${faultsTotal > faults.length ? ` (the first ${faults.length} are shown)` : ''} in ${entries} entries. What stands before the first one is as it was written; compare the rest with an export or a backup.\n`,
  );
  return code;
}

/** An entry with its fields in the order that its hash takes them in, then the hash. */
function jsonLine(entry: AuditEntryRow): string {
  const { sequence, at, request_id, role, client, action, model_id, version } = entry;
  const { arguments: given, before, after, state, outcome, detail, previous_hash, hash } = entry;
  return `${JSON.stringify({
    sequence,
    at,
    request_id,
    role,
    client,
    action,
    model_id,
    version,
    arguments: given,
    before,
    after,
    state,
    outcome,
    detail,
    previous_hash,
    hash,
  })}\n`;
}

async function exportTo(
  name: string,
  force: boolean,
  database: Database,
  filter: AuditFilter,
): Promise<number> {
  if (name === '-') {
    for await (const page of auditPages(database, filter)) await print(page.map(jsonLine).join(''));
    return 0;
  }
  const path = await newFile(name, force);
  const file = await createOutputFile(path, name, { replace: force });
  let entries = 0;
  try {
    for await (const page of auditPages(database, filter)) {
      await file.handle.writeFile(page.map(jsonLine).join(''));
      entries += page.length;
    }
    await file.commit();
  } finally {
    await file.discard();
  }
  await print(`${entries} entries written to ${name}.\n`);
  return 0;
}

const widest = 40;

function table(rows: readonly AuditEntryRow[]): string {
  const cells = rows.map((row) => [
    String(row.sequence),
    new Date(row.at).toISOString(),
    row.role,
    row.client ?? '-',
    row.action,
    row.model_id ?? '-',
    row.version ?? '-',
    row.outcome,
    row.detail ?? changeOf(row),
  ]);
  const lines = [
    ['#', 'time', 'role', 'client', 'action', 'model', 'version', 'outcome', 'detail'],
    ...cells,
  ].map((line) => line.map((cell, column) => shown(cell, column === 8 ? 100 : widest)));
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function changeOf({ before, after }: AuditEntryRow): string {
  if (before === null && after === null) return '';
  return `${before ?? '(nothing)'} → ${after ?? '(nothing)'}`;
}

/** In one line, without what could steer a terminal: names and reasons come from anybody. */
function shown(text: string, most: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}
