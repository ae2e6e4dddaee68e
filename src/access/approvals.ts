import { ModelYardError } from '../errors.ts';
import type { Approver } from './approval.ts';

/** Lets through what another call can take back, and nothing else. */
export function createApprovals(): { approverOf(): Approver } {
  const refuse = () => {
    throw new ModelYardError(
      'APPROVAL_REQUIRED',
      'This cannot be taken back and nobody can be asked.',
      'Nothing was changed.',
    );
  };
  return {
    approverOf: () => ({
      obtain: async (plan) => (plan.reversible ? { by: null, use: async () => undefined } : refuse()),
      preview: async () => refuse(),
    }),
  };
}
