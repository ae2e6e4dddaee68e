import type { Transaction } from 'kysely';
import type { Tables } from '../storage/schema.ts';
import type { Origin } from './origin.ts';

/**
 * Whether changes that matter wait for a person: `off` never (unless the model's policy says so), `ask` where the
 * client can put the question, `required` always.
 */
export const approvalModes = ['off', 'ask', 'required'] as const;
export type ApprovalMode = (typeof approvalModes)[number];

/** A change that a person may have to agree to, as it is about to be made. */
export interface ChangePlan {
  modelId: string;
  /** What will be different afterwards, a sentence each; plain text, escaped by whoever shows it. */
  summary: string[];
  /** Whether another call can take it back. */
  reversible: boolean;
  /** Whether the model's own policy wants a person's word, whatever the mode is. */
  personRequired: boolean;
  /** Everything that decides what will happen: a grant for these facts is a grant for no others. */
  facts: Record<string, unknown>;
}

/** The leave to make one change. */
export interface Approval {
  /** Who gave it; null where nobody had to. */
  by: string | null;
  /**
   * Uses it up, in the transaction of the change.
   * @throws APPROVAL_REQUIRED when it was used or ran out meanwhile
   */
  use(transaction: Transaction<Tables>, at: number): Promise<void>;
}

/** Gets the leave for changes of one call. */
export interface Approver {
  /**
   * @param confirm the token of a preview, where the change cannot be taken back
   * @throws APPROVAL_REQUIRED when nobody who may has agreed
   */
  obtain(plan: ChangePlan, confirm?: string): Promise<Approval>;
  /** The token that confirms exactly this change, once, within ten minutes. */
  preview(plan: ChangePlan): Promise<{ confirm: string; expiresAt: number }>;
}

/**
 * Puts a question to the person at the client; `unanswered` when no answer came in time, or none that could be read.
 * @throws CANCELLED when the call was cancelled
 */
export type Ask = (question: string) => Promise<'accepted' | 'declined' | 'unanswered'>;

/** A call that may change something: by whom, and how to ask the person there; undefined: the client cannot. */
export interface Call {
  origin: Origin;
  ask: Ask | undefined;
}
