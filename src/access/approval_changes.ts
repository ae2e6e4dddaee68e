import { randomBytes } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { ApprovalRow, Tables } from '../storage/schema.ts';
import type { ChangePlan } from './approval.ts';
import { type ApprovalRequest, findRequest, readRequestById } from './approval_requests.ts';
import { appendAudit } from './audit.ts';
import { canonicalJson } from './canonical_json.ts';
import { fingerprintOf } from './fingerprint.ts';
import { asAction, nameOf, type Origin } from './origin.ts';

/** Opens a request for a change, or finds the open one; however many processes ask at once, there is only one. */
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
      await auditApproval(transaction, asAction(origin, 'request_approval'), found, at, {
        expires_at: new Date(found.expiresAt).toISOString(),
      });
    return found;
  });
  // On PostgreSQL the request that was in the way may have been used before it could be read.
  return standing ?? openRequest(database, origin, plan, times);
}

/**
 * Grants an open request, or denies one that is open or granted but unused.
 *
 * @returns whether the answer took effect, and the request as it is now; undefined when there is none with that id
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
      await auditApproval(transaction, asAction(origin, action), request, at, { by });
    }
    return { answered, request };
  });
}

/**
 * Marks a grant or token as used, in the transaction of its change.
 *
 * @throws APPROVAL_REQUIRED when it was used before, withdrawn, or has expired
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
  await auditApproval(transaction, asAction(origin, 'use_approval'), request, at, {
    by: request.grantedBy,
  });
}

/** Closes the request for a change that the person at the client approved, so that it is not granted too. */
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

/** 96 random bits: not to be guessed, yet short enough for a person to copy. */
export function newName(): string {
  return randomBytes(12).toString('hex');
}

/** The row of a new request or preview. */
export function rowOf(
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

/** The audit trail's record of an approval: of which change, and what became of it. */
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
