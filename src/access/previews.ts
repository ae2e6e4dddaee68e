import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/schema.ts';
import type { ChangePlan } from './approval.ts';
import { newName, rowOf } from './approval_changes.ts';
import { type ApprovalRequest, readRequest } from './approval_requests.ts';
import type { Origin } from './origin.ts';

/** How long tokens of previews are kept after they expired, so that an attempt to use one gets a clear answer. */
const keptPreviewsMs = 24 * 3_600_000;

/**
 * Stores a preview, whose token lets the caller confirm exactly this change once.
 *
 * @returns the token
 */
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

/** The preview of a token; undefined for an unknown one. */
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
