import { sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { AuditEntryRow } from '../storage/schema.ts';

/** Which entries of the audit trail to read: those that meet all given conditions. */
export interface AuditFilter {
  modelId?: string | undefined;
  version?: string | undefined;
  action?: string | undefined;
  role?: string | undefined;
  /** A part of the client's name and version. */
  client?: string | undefined;
  outcome?: string | undefined;
  requestId?: string | undefined;
  /** Since (inclusive) and until (exclusive), milliseconds since 1970. */
  since?: number | undefined;
  until?: number | undefined;
}

/** Entries in memory at a time. */
const pageSize = 1000;

/** The entries that meet the filter, oldest first, in pages, since a trail may be long. */
export async function* auditPages(
  database: Database,
  filter: AuditFilter = {},
): AsyncGenerator<AuditEntryRow[]> {
  for (let last = Number.MIN_SAFE_INTEGER; ; ) {
    const page = await select(database, filter)
      .where('sequence', '>', last)
      .orderBy('sequence')
      .limit(pageSize)
      .execute();
    const end = page.at(-1);
    if (end === undefined) return;
    yield page;
    last = end.sequence;
  }
}

/** The newest entries that meet the filter, the newest last. */
export async function lastEntries(
  database: Database,
  filter: AuditFilter,
  limit: number,
): Promise<AuditEntryRow[]> {
  const rows = await select(database, filter).orderBy('sequence', 'desc').limit(limit).execute();
  return rows.reverse();
}

function select(database: Database, filter: AuditFilter) {
  let query = database.selectFrom('audit_entries').selectAll();
  for (const [column, value] of [
    ['model_id', filter.modelId],
    ['version', filter.version],
    ['action', filter.action],
    ['role', filter.role],
    ['outcome', filter.outcome],
    ['request_id', filter.requestId],
  ] as const)
    if (value !== undefined) query = query.where(column, '=', value);
  const { client } = filter;
  if (client !== undefined)
    query = query.where(sql<boolean>`lower(client) like ${`%${likeText(client)}%`} escape '!'`);
  if (filter.since !== undefined) query = query.where('at', '>=', filter.since);
  if (filter.until !== undefined) query = query.where('at', '<', filter.until);
  return query;
}

/** The text as a LIKE pattern that matches only itself. */
function likeText(text: string): string {
  return text.toLowerCase().replace(/[!%_]/g, '!$&');
}
