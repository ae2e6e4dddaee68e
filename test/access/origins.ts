import { type Origin, originOf } from '../../src/access/origin.ts';
import type { Role } from '../../src/access/roles.ts';

/** A call of a caller with this role. */
export function callBy(role: Role): Origin {
  return originOf({ role, readOnly: false }, 'test', {});
}
