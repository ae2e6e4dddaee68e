import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { ApprovalRow, Tables } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';

/** A row of the table, with the plan as it was made. */
export interface ApprovalRequest {
  requestId: string;
  createdAt: number;
  expiresAt: number;
  requestedBy: string;
  action: string;
  modelId: string;
  summary: string[];
  facts: Record<string, unknown>;
  fingerprint: string;
  state: 'open' | 'granted' | 'denied' | 'used' | 'expired' | 'closed';
  grantedBy: string | null;
  deniedBy: string | null;
}

const summarySchema = z.array(z.string());
const factsSchema = z.record(z.string(), z.unknown());

export function readRequest(row: ApprovalRow, now: number): ApprovalRequest {
  const of = `the request for approval ${row.request_id} (${row.action} of ${row.model_id})`;
  return {
    requestId: row.request_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    requestedBy: row.requested_by,
    action: row.action,
    modelId: row.model_id,
    summary: readStored(summarySchema, row.summary, { table: 'approvals', column: 'summary', of }),
    facts: readStored(factsSchema, row.facts, { table: 'approvals', column: 'facts', of }),
    fingerprint: row.fingerprint,
    state: stateOf(row, now),
    grantedBy: row.granted_by,
    deniedBy: row.denied_by,
  };
}

function stateOf(row: ApprovalRow, now: number): ApprovalRequest['state'] {
  if (row.used_at !== null) return 'used';
  if (row.denied_at !== null) return 'denied';
  if (row.expires_at <= now) return 'expired';
  if (row.closed_at !== null) return 'closed';
  return row.granted_at === null ? 'open' : 'granted';
}

/** The request for exactly this change: open, granted or denied, and not expired. */
export async function findRequest(
  database: Kysely<Tables>,
  fingerprint: string,
  now: number,
): Promise<ApprovalRequest | undefined> {
  const row = await database
    .selectFrom('approvals')
    .selectAll()
    .where('fingerprint', '=', fingerprint)
    .where('kind', '=', 'request')
    .where('closed_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row && readRequest(row, now);
}

/** The latest unused grant for the same action on the same model that is for another change than this. */
export async function findOtherGrant(
  database: Kysely<Tables>,
  change: { action: string; modelId: string; fingerprint: string },
  now: number,
): Promise<ApprovalRequest | undefined> {
  const row = await database
    .selectFrom('approvals')
    .selectAll()
    .where('model_id', '=', change.modelId)
    .where('action', '=', change.action)
    .where('kind', '=', 'request')
    .where('fingerprint', '<>', change.fingerprint)
    .where('granted_at', 'is not', null)
    .where('denied_at', 'is', null)
    .where('closed_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('granted_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && readRequest(row, now);
}

/** A request by its id, in any state; undefined when there is none. */
export async function readRequestById(
  database: Kysely<Tables>,
  requestId: string,
  now: number,
): Promise<ApprovalRequest | undefined> {
  const row = await database
    .selectFrom('approvals')
    .selectAll()
    .where('request_id', '=', requestId)
    .where('kind', '=', 'request')
    .executeTakeFirst();
  return row && readRequest(row, now);
}

/** The requests that wait for a person, oldest first. */
export async function listOpenRequests(database: Kysely<Tables>, now: number): Promise<ApprovalRequest[]> {
  const rows = await database
    .selectFrom('approvals')
    .selectAll()
    .where('kind', '=', 'request')
    .where('granted_at', 'is', null)
    .where('denied_at', 'is', null)
    .where('closed_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('created_at')
    .orderBy('request_id')
    .execute();
  return rows.map((row) => readRequest(row, now));
}
