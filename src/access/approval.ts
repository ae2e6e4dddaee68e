import type { Transaction } from 'kysely';
import type { Tables } from '../storage/schema.ts';
import type { GuardedChange, Needed } from './approval_policy.ts';
import { canonicalJson } from './canonical_json.ts';
import type { Origin } from './origin.ts';

/** A change that is about to be made and that a person may have to approve. */
export interface ChangePlan {
  modelId: string;
  /** What will be different afterwards, a sentence each; plain text, which whoever displays it escapes. */
  summary: string[];
  /** The facts that decide who has to agree. */
  change: GuardedChange;
  /** Everything that decides what the change will do: an approval is for exactly these facts. */
  facts: Record<string, unknown>;
  /** What part of the call is done without approval; nothing by default. */
  kept?: string | undefined;
}

/** The approval of one change. */
export interface Approval {
  /** Who approved; null where nobody had to. */
  by: string | null;
  /**
   * Marks it used, in the transaction of the change.
   *
   * @throws APPROVAL_REQUIRED when it was used or expired meanwhile
   */
  use(transaction: Transaction<Tables>, at: number): Promise<void>;
}

/** Obtains the approvals for the changes of one call. */
export interface Approver {
  needs(change: GuardedChange): Needed;
  /**
   * @param confirm the token of a preview, for changes that cannot be undone
   * @throws APPROVAL_REQUIRED when nobody who may approve has done so
   */
  obtain(plan: ChangePlan, confirm?: string): Promise<Approval>;
  /** The token that confirms exactly this change, once, within ten minutes. */
  preview(plan: ChangePlan): Promise<{ confirm: string; expiresAt: number }>;
}

/** The audit trail's record of who approved. */
export function approvedBy({ by }: Approval): { approved_by?: string } {
  return by === null ? {} : { approved_by: by };
}

/**
 * Whether a planned change may be made as things are now: it still does exactly what was approved, or no approval was
 * and is needed.
 */
export function stillAgreed(
  approver: Approver,
  approval: Approval,
  planned: ChangePlan,
  now: ChangePlan,
): boolean {
  if (approval.by === null && approver.needs(now.change) === 'nobody') return true;
  return canonicalJson([planned.facts, planned.change]) === canonicalJson([now.facts, now.change]);
}

/**
 * Asks the person at the client; `unanswered` when no readable answer came in time.
 *
 * @throws CANCELLED when the call was cancelled
 */
export type Ask = (question: string) => Promise<'accepted' | 'declined' | 'unanswered'>;

/**
 * A call that may change something: who makes it, and how to ask the person there; undefined where the client cannot
 * ask.
 */
export interface Call {
  origin: Origin;
  ask: Ask | undefined;
}

/** Decides for each call whether a person has to approve. */
export interface Approvals {
  approverOf(call: Call): Approver;
}
