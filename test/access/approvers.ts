import type { Approver } from '../../src/access/approval.ts';

/** Asks nobody. */
export const freely: Approver = {
  obtain: async () => ({ by: null, use: async () => undefined }),
  preview: async () => ({ confirm: 'token', expiresAt: 0 }),
};
