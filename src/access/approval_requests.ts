import { createHash, randomBytes } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import type { ApprovalRow, Tables } from '../storage/schema.ts';
import type { ChangePlan } from './approval.ts';
import { appendAudit } from './audit.ts';
import { canonicalJson, fingerprintOf } from './fingerprint.ts';
import { nameOf, type Origin } from './origin.ts';

/** A row of the table, with what a plan says as it was. */
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

function readRequest(row: ApprovalRow, now: number): ApprovalRequest {
  return {
    requestId: row.request_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    requestedBy: row.requested_by,
    action: row.action,
    modelId: row.model_id,
    summary: summarySchema.parse(JSON.parse(row.summary)),
    facts: factsSchema.parse(JSON.parse(row.facts)),
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

/** The request that stands for exactly this change: open, granted or denied, and not run out. */
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

/** The latest grant for the same action on the same model that is not used and does not fit this change. */
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

/** A request by its id, whatever its state; undefined: there is none. */
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

/**
 * Opens a request for a change, or finds the one that is open already: however many processes ask at once,
 * there is one.
 */
export async function openRequest(
  database: Kysely<Tables>,
  origin: Origin,
  plan: ChangePlan,
  times: { at: number; lastsMs: number },
): Promise<ApprovalRequest> {
  const { at } = times;
  const standing = await database.transaction().execute(async (transaction) => {
    const row = rowOf(origin, plan, 'request', newName(), { at, expiresAt: at + times.lastsMs });
    await transaction
      .updateTable('approvals')
      .set({ closed_at: at })
      .where('fingerprint', '=', row.fingerprint)
      .where('kind', '=', 'request')
      .where('closed_at', 'is', null)
      .where('expires_at', '<=', at)
      .execute();
    await transaction
      .insertInto('approvals')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const found = await findRequest(transaction, row.fingerprint, at);
    if (found?.requestId === row.request_id)
      await auditApproval(transaction, { ...origin, action: 'request_approval' }, found, at, {
        expires_at: new Date(found.expiresAt).toISOString(),
      });
    return found;
  });
  // On PostgreSQL the one that was in the way may have been used up before it could be read.
  return standing ?? openRequest(database, origin, plan, times);
}

/**
 * Grants a request that is open, or denies one that is open or granted and not used yet.
 * @returns whether the answer holds, and the request as it is now; undefined: there is none of that id
 */
export function answerRequest(
  database: Kysely<Tables>,
  origin: Origin,
  requestId: string,
  granted: boolean,
  at: number,
): Promise<{ answered: boolean; request: ApprovalRequest | undefined }> {
  const by = nameOf(origin.caller);
  return database.transaction().execute(async (transaction) => {
    let answer = transaction
      .updateTable('approvals')
      .set(granted ? { granted_at: at, granted_by: by } : { denied_at: at, denied_by: by })
      .where('request_id', '=', requestId)
      .where('kind', '=', 'request')
      .where('denied_at', 'is', null)
      .where('closed_at', 'is', null)
      .where('expires_at', '>', at);
    if (granted) answer = answer.where('granted_at', 'is', null);
    const { numUpdatedRows } = await answer.executeTakeFirst();
    const answered = numUpdatedRows === 1n;
    const request = await readRequestById(transaction, requestId, at);
    if (answered && request !== undefined) {
      const action = granted ? 'grant_approval' : 'deny_approval';
      await auditApproval(transaction, { ...origin, action }, request, at, { by });
    }
    return { answered, request };
  });
}

/**
 * Uses a grant or a token up, in the transaction of the change that it was given for.
 * @throws APPROVAL_REQUIRED when another use was first, it was withdrawn, or its time has run out
 */
export async function useUp(
  transaction: Transaction<Tables>,
  origin: Origin,
  request: ApprovalRequest,
  at: number,
): Promise<void> {
  const { numUpdatedRows } = await transaction
    .updateTable('approvals')
    .set({ used_at: at, closed_at: at })
    .where('request_id', '=', request.requestId)
    .where('fingerprint', '=', request.fingerprint)
    .where('granted_at', 'is not', null)
    .where('denied_at', 'is', null)
    .where('used_at', 'is', null)
    .where('closed_at', 'is', null)
    .where('expires_at', '>', at)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n)
    throw new ModelYardError(
      'APPROVAL_REQUIRED',
      `The approval of ${request.action} on ${request.modelId} was used by another call, withdrawn or ran out meanwhile; nothing was changed.`,
      'Make the same call again to ask for another.',
    );
  await auditApproval(transaction, { ...origin, action: 'use_approval' }, request, at, {
    by: request.grantedBy,
  });
}

/** Closes the request that stands for a change whose person answered at the client: it is not to be granted too. */
export async function closeRequest(
  transaction: Transaction<Tables>,
  fingerprint: string,
  at: number,
): Promise<void> {
  await transaction
    .updateTable('approvals')
    .set({ closed_at: at })
    .where('fingerprint', '=', fingerprint)
    .where('kind', '=', 'request')
    .where('closed_at', 'is', null)
    .execute();
}

/** How long tokens of previews are kept after their time, so that their use can be answered well. */
const keptPreviewsMs = 24 * 3_600_000;

/** Keeps a preview, by whose token the caller can confirm exactly this change once. @returns the token */
export async function keepPreview(
  database: Kysely<Tables>,
  origin: Origin,
  plan: ChangePlan,
  times: { at: number; expiresAt: number },
): Promise<string> {
  const token = newName();
  await database.transaction().execute(async (transaction) => {
    await transaction
      .deleteFrom('approvals')
      .where('kind', '=', 'preview')
      .where('expires_at', '<', times.at - keptPreviewsMs)
      .execute();
    const row = rowOf(origin, plan, 'preview', hashOfToken(token), times);
    await transaction
      .insertInto('approvals')
      .values({ ...row, granted_at: times.at, granted_by: `the token of a preview by ${row.requested_by}` })
      .execute();
  });
  return token;
}

/** The preview that a token belongs to; undefined: to none. */
export async function findPreview(
  database: Kysely<Tables>,
  token: string,
  now: number,
): Promise<ApprovalRequest | undefined> {
  const row = await database
    .selectFrom('approvals')
    .selectAll()
    .where('request_id', '=', hashOfToken(token))
    .where('kind', '=', 'preview')
    .executeTakeFirst();
  return row && readRequest(row, now);
}

function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** 96 random bits: nobody guesses it, and a person can still copy it. */
function newName(): string {
  return randomBytes(12).toString('hex');
}

function rowOf(
  origin: Origin,
  plan: ChangePlan,
  kind: ApprovalRow['kind'],
  requestId: string,
  { at, expiresAt }: { at: number; expiresAt: number },
): ApprovalRow {
  return {
    request_id: requestId,
    kind,
    created_at: at,
    expires_at: expiresAt,
    requested_by: nameOf(origin.caller),
    action: origin.action,
    model_id: plan.modelId,
    summary: JSON.stringify(plan.summary),
    facts: canonicalJson(plan.facts),
    fingerprint: fingerprintOf(origin.action, plan),
    granted_at: null,
    granted_by: null,
    denied_at: null,
    denied_by: null,
    used_at: null,
    closed_at: null,
  };
}

/** What the audit trail says of an approval: of which change, and what became of it. */
export function auditApproval(
  transaction: Transaction<Tables>,
  origin: Origin,
  change: Pick<ApprovalRequest, 'action' | 'modelId' | 'summary' | 'fingerprint'> & { requestId?: string },
  at: number,
  outcome: Record<string, unknown>,
): Promise<void> {
  return appendAudit(
    transaction,
    origin,
    {
      modelId: change.modelId,
      version: undefined,
      before: undefined,
      after: {
        approval: change.requestId ?? null,
        of: change.action,
        fingerprint: change.fingerprint,
        summary: change.summary,
        ...outcome,
      },
      outcome: 'done',
    },
    at,
  );
}
