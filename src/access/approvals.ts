import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Approval, Approvals, Ask, Call, ChangePlan } from './approval.ts';
import { auditApproval, closeRequest, openRequest, useUp } from './approval_changes.ts';
import type { ApprovalMode } from './approval_policy.ts';
import { whoMustAgree } from './approval_policy.ts';
import { questionOf } from './approval_question.ts';
import { type ApprovalRequest, findOtherGrant, findRequest } from './approval_requests.ts';
import { differences, fingerprintOf } from './fingerprint.ts';
import { asAction, nameOf, type Origin } from './origin.ts';
import { findPreview, keepPreview } from './previews.ts';

export interface ApprovalDependencies {
  database: Database;
  clock: () => number;
  mode: ApprovalMode;
  /** How long a request for approval, or its grant, is valid, milliseconds. */
  lastsMs: number;
}

/** How long the token of a preview is valid, milliseconds. */
const previewMs = 600_000;

export function createApprovals(dependencies: ApprovalDependencies): Approvals {
  return {
    approverOf: (call) => ({
      needs: (change) => whoMustAgree(change, dependencies.mode, call.ask !== undefined),
      obtain: (plan, confirm) => obtain(dependencies, call, plan, confirm),
      async preview(plan) {
        const at = dependencies.clock();
        const expiresAt = at + previewMs;
        const confirm = await keepPreview(dependencies.database, call.origin, plan, { at, expiresAt });
        return { confirm, expiresAt };
      },
    }),
  };
}

async function obtain(
  dependencies: ApprovalDependencies,
  { origin, ask }: Call,
  plan: ChangePlan,
  confirm: string | undefined,
): Promise<Approval> {
  const needed = whoMustAgree(plan.change, dependencies.mode, ask !== undefined);
  if (needed === 'nobody') return { by: null, use: async () => undefined };
  if (needed === 'token') return byToken(dependencies, origin, plan, confirm);
  if (needed === 'person') {
    const { database, clock } = dependencies;
    const standing = await findRequest(database, fingerprintOf(origin.action, plan), clock());
    const grant = standing && grantOf(standing, origin, plan);
    if (grant !== undefined) return grant;
  }
  const answered = ask && (await askPerson(dependencies, origin, ask, plan));
  if (answered !== undefined) return answered;
  if (needed === 'person') return byRequest(dependencies, origin, plan, ask !== undefined);
  throw new ModelYardError(
    'APPROVAL_REQUIRED',
    `The person at the client was asked and gave no answer; ${keptOf(plan)}.`,
    'Call again when somebody is there to answer.',
  );
}

/**
 * Asks the person at the client.
 * @returns undefined when no answer came
 * @throws APPROVAL_REQUIRED when the answer is no
 */
async function askPerson(
  { database, clock }: ApprovalDependencies,
  origin: Origin,
  ask: Ask,
  plan: ChangePlan,
): Promise<Approval | undefined> {
  const answer = await ask(questionOf(origin, plan));
  if (answer === 'unanswered') return undefined;
  const { modelId, summary } = plan;
  const change = { action: origin.action, modelId, summary, fingerprint: fingerprintOf(origin.action, plan) };
  const by = `the person at ${nameOf(origin.caller)}`;
  if (answer === 'accepted')
    return {
      by,
      async use(transaction, at) {
        await closeRequest(transaction, change.fingerprint, at);
        await auditApproval(transaction, asAction(origin, 'use_approval'), change, at, { by });
      },
    };
  const at = clock();
  await database
    .transaction()
    .execute((transaction) =>
      auditApproval(transaction, asAction(origin, 'deny_approval'), change, at, { by }),
    );
  throw new ModelYardError(
    'APPROVAL_REQUIRED',
    `The person who was asked declined; ${keptOf(plan)}.`,
    'Do not repeat the call unless they change their mind.',
  );
}

/** @throws APPROVAL_REQUIRED when the token is unknown, for another change, used or expired */
async function byToken(
  { database, clock }: ApprovalDependencies,
  origin: Origin,
  plan: ChangePlan,
  confirm: string | undefined,
): Promise<Approval> {
  const refuse = (what: string) =>
    new ModelYardError(
      'APPROVAL_REQUIRED',
      `${what} Nothing was changed.`,
      'Call with dry_run=true: it shows what would happen and gives the token; then call with confirm=TOKEN within ten minutes.',
    );
  if (confirm === undefined)
    throw refuse('This cannot be taken back: it needs the confirm token of a preview.');
  const preview = await findPreview(database, confirm, clock());
  if (preview === undefined) throw refuse('The confirm token is not one that a preview gave.');
  const fingerprint = fingerprintOf(origin.action, plan);
  if (preview.fingerprint !== fingerprint)
    throw refuse(
      `The confirm token does not fit: what would happen is no longer what was previewed${difference(preview, origin, plan)}.`,
    );
  if (preview.state !== 'granted')
    throw refuse(
      preview.state === 'used' ? 'The confirm token was used already.' : 'The confirm token has run out.',
    );
  return approvalOf(preview, origin);
}

/**
 * Opens a request that `modelyard approve` can grant, or finds the one for the same change.
 * @throws APPROVAL_REQUIRED unless it has been granted meanwhile
 */
async function byRequest(
  { database, clock, lastsMs }: ApprovalDependencies,
  origin: Origin,
  plan: ChangePlan,
  asked: boolean,
): Promise<Approval> {
  const at = clock();
  const request = await openRequest(database, origin, plan, { at, lastsMs });
  const grant = grantOf(request, origin, plan);
  if (grant !== undefined) return grant;
  const other = await findOtherGrant(database, request, at);
  const misfit =
    other === undefined
      ? ''
      : ` The approval ${other.requestId} does not fit: what would happen is no longer what was approved${difference(other, origin, plan)}.`;
  throw new ModelYardError(
    'APPROVAL_REQUIRED',
    `${asked ? 'The person at the client gave no answer; a' : 'A'} person must agree to this first; ${keptOf(plan)}.${misfit} The request is ${request.requestId}, open until ${new Date(request.expiresAt).toISOString()}.`,
    `Have an admin run "modelyard approve ${request.requestId}" in a terminal, then make the same call again.`,
  );
}

/**
 * The approval by a granted request; undefined while it is open.
 *
 * @throws APPROVAL_REQUIRED when it was denied
 */
function grantOf(request: ApprovalRequest, origin: Origin, plan: ChangePlan): Approval | undefined {
  if (request.state === 'denied')
    throw new ModelYardError(
      'APPROVAL_REQUIRED',
      `The request ${request.requestId} for this change was declined by ${request.deniedBy}; ${keptOf(plan)}.`,
      `Do not repeat the call; the answer stands until ${new Date(request.expiresAt).toISOString()}.`,
    );
  return request.state === 'granted' ? approvalOf(request, origin) : undefined;
}

function approvalOf(request: ApprovalRequest, origin: Origin): Approval {
  return {
    by: request.grantedBy,
    use: (transaction, at) => useUp(transaction, origin, request, at),
  };
}

function keptOf({ kept = 'nothing was changed' }: ChangePlan): string {
  return kept;
}

/** Differences that are shown between the approved change and the requested one. */
const shownDifferences = 4;

function difference(agreed: ApprovalRequest, origin: Origin, plan: ChangePlan): string {
  const found = differences(
    { action: agreed.action, model: agreed.modelId, ...agreed.facts },
    { action: origin.action, model: plan.modelId, ...plan.facts },
  );
  return found.length === 0 ? '' : `: ${found.slice(0, shownDifferences).join('; ')}`;
}
