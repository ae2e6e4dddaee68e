import { expect, test } from 'vitest';
import { may, type Permission, permissions, type Role, roles } from '../../src/access/roles.ts';

const allowed: Record<Role, Permission[]> = {
  viewer: ['READ'],
  client: ['READ', 'PREDICT', 'FILE'],
  operator: ['READ', 'PREDICT', 'FILE', 'WRITE'],
  admin: ['READ', 'PREDICT', 'FILE', 'WRITE', 'ADMIN'],
};

test.each(roles)('%s may do what it is for and nothing else', (role) => {
  const granted = permissions.filter((permission) => may({ role, readOnly: false }, permission));
  expect(granted).toEqual(allowed[role]);
});

test.each(roles)('%s changes nothing on a read-only server', (role) => {
  const granted = permissions.filter((permission) => may({ role, readOnly: true }, permission));
  expect(granted).toEqual(
    allowed[role].filter((permission) => permission === 'READ' || permission === 'PREDICT'),
  );
});
