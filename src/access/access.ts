import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Approvals } from './approval.ts';
import type { ApprovalMode } from './approval_policy.ts';
import { createApprovals } from './approvals.ts';
import { type AuditedChange, appendAudit } from './audit.ts';
import { lastEntries } from './audit_trail.ts';
import type { Origin } from './origin.ts';
import { type TokenBook, tokenBook } from './token_book.ts';

/** Approvals, the tokens of callers over HTTP, and the audit trail of what was done and attempted. */
export interface Access {
  approvals: Approvals;
  tokens: TokenBook;
  audit: {
    /** Records an attempt that changed nothing; a change records itself. */
    append(origin: Origin, change: AuditedChange): Promise<void>;
    /** The newest changes of a model that were made, the newest first. */
    changesOf(modelId: string, limit: number): Promise<MadeChange[]>;
  };
}

/** A change of a model: what was done, when and by whom. */
interface MadeChange {
  at: number;
  by: string;
  /** The tool, or what else was called. */
  action: string;
  version: string | null;
}

export function openAccess(
  { approvals, approvalMs }: { approvals: ApprovalMode; approvalMs: number },
  { database, clock, logger }: { database: Database; clock: () => number; logger: Logger },
): Access {
  return {
    approvals: createApprovals({ database, clock, mode: approvals, lastsMs: approvalMs }),
    tokens: tokenBook({ database, clock, logger }),
    audit: {
      append: (origin, change) =>
        database.transaction().execute((transaction) => appendAudit(transaction, origin, change, clock())),
      async changesOf(modelId, limit) {
        const entries = await lastEntries(database, { modelId, outcome: 'done' }, limit);
        return entries.reverse().map(({ at, role, client, action, version }) => ({
          at,
          by: client === null ? role : `${role} (${client})`,
          action,
          version,
        }));
      },
    },
  };
}
