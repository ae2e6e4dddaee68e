import type { Approver } from '../../src/access/approval.ts';
import { type GuardedChange, untouched } from '../../src/access/approval_policy.ts';

/** Asks nobody. */
export const freely: Approver = {
  needs: () => 'nobody',
  obtain: async () => ({ by: null, use: async () => undefined }),
  preview: async () => ({ confirm: 'token', expiresAt: 0 }),
};

/** Version 2 takes the place of version 1 in production. */
export const intoProduction: GuardedChange = {
  ...untouched({ production: '1', weights: [] }),
  after: { production: '2', weights: [] },
};
