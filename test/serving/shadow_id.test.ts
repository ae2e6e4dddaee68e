import fc from 'fast-check';
import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { possibleShadowIds, primaryIdOf, shadowIdOf } from '../../src/serving/shadow_id.ts';

/** Ids as the server makes them, and as callers may bring them: anything, such that look like the server's too. */
const serverId = fc.constant(null).map(() => uuidv7());
const callersId = fc.oneof(
  fc.string({ minLength: 1, maxLength: 128 }),
  fc.uuid(),
  serverId,
  serverId.map((id) => shadowIdOf(id, false)),
  fc.string({ maxLength: 20 }).map((text) => `${text}~shadow`),
);
const primary = fc.oneof(
  serverId.map((id) => ({ id, isCallers: false })),
  callersId.map((id) => ({ id, isCallers: true })),
);

test('the id of a shadow’s row tells its primary’s, and is among those that are looked for', () => {
  fc.assert(
    fc.property(primary, ({ id, isCallers }) => {
      const shadowId = shadowIdOf(id, isCallers);
      expect(shadowId).not.toBe(id);
      expect(primaryIdOf(shadowId)).toBe(id);
      expect(possibleShadowIds(id)).toContain(shadowId);
    }),
  );
});

test('no two predictions have shadows of one id', () => {
  fc.assert(
    fc.property(primary, primary, (one, other) => {
      fc.pre(one.id !== other.id);
      expect(shadowIdOf(one.id, one.isCallers)).not.toBe(shadowIdOf(other.id, other.isCallers));
    }),
  );
});

test('a shadow’s id stands right beside its primary’s, so that the same segments are looked into', () => {
  const ids = Array.from({ length: 100 }, () => uuidv7());
  const shadows = ids.map((id) => shadowIdOf(id, false));
  expect([...shadows].sort()).toEqual(shadows);
  for (const [index, shadow] of shadows.entries()) expect(shadow.slice(0, 14)).toBe(ids[index]?.slice(0, 14));
});
