/** Roles and what each may do, weakest first. */
export const roles = ['viewer', 'client', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/**
 * READ reads, PREDICT runs models, FILE runs them and writes a file that the caller names, WRITE changes what exists or serves,
 * ADMIN overrides and destroys.
 */
export const permissions = ['READ', 'PREDICT', 'FILE', 'WRITE', 'ADMIN'] as const;
export type Permission = (typeof permissions)[number];

/** A role has this permission and all before it. */
const highestPermission = { viewer: 'READ', client: 'FILE', operator: 'WRITE', admin: 'ADMIN' } as const;

/** The caller, as far as this server knows: the role in force and whether changes are switched off. */
export interface Caller {
  role: Role;
  readOnly: boolean;
  /** The client's name and version, as it gave them. */
  client?: string | undefined;
  /** The token that it came with over HTTP, by its name; null: it came over HTTP without one. */
  token?: string | null | undefined;
}

/** Whether the caller may use what `permission` protects; a read-only server changes nothing and writes no file. */
export function may(caller: Caller, permission: Permission): boolean {
  const rank = permissions.indexOf(permission);
  if (caller.readOnly && rank >= permissions.indexOf('FILE')) return false;
  return rank <= permissions.indexOf(highestPermission[caller.role]);
}

/** Whether what `permission` protects changes what exists or serves. */
export function isChange(permission: Permission): boolean {
  return permission === 'WRITE' || permission === 'ADMIN';
}
