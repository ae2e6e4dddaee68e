import { beforeAll, expect, test } from 'vitest';
import { pauseMs } from '../../src/mlflow/sender.ts';
import { leaseMs, releaseLease, takeLease } from '../../src/mlflow/sender_lease.ts';
import { readSender } from '../../src/mlflow/sender_row.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

describeOnEachDatabase('the lease of who sends to MLflow', (store) => {
  let one: Database;
  let other: Database;
  beforeAll(async () => {
    ({ database: one } = await store.open());
    ({ database: other } = await store.open());
    // Both make the row at once, and it is one.
    const [mine, theirs] = await Promise.all([readSender(one), readSender(other)]);
    expect(mine).toEqual(theirs);
  });

  test('has one holder, who renews it, until it runs out or is given back', async () => {
    const now = Date.UTC(2026, 0, 31);
    const taken = await Promise.all([takeLease(one, 'a', now), takeLease(other, 'b', now)]);
    expect(taken.toSorted()).toEqual([false, true]);
    const [holder, waiting] = taken[0] ? ['a', 'b'] : ['b', 'a'];
    expect(await takeLease(other, waiting, now + leaseMs)).toBe(false);
    expect(await takeLease(one, holder, now + leaseMs)).toBe(true);
    expect(await takeLease(other, waiting, now + 2 * leaseMs)).toBe(false);
    // It said nothing for too long.
    expect(await takeLease(other, waiting, now + 2 * leaseMs + 1)).toBe(true);
    expect(await takeLease(one, holder, now + 2 * leaseMs + 2)).toBe(false);
    // Who has lost it cannot give it back.
    await releaseLease(one, holder);
    expect(await takeLease(one, holder, now + 2 * leaseMs + 3)).toBe(false);
    await releaseLease(other, waiting);
    expect(await takeLease(one, holder, now + 2 * leaseMs + 4)).toBe(true);
    await releaseLease(one, holder);
  });
});

test('pauses double up to a minute, spread over their upper half', () => {
  expect([0, 1, 2, 3].map((attempts) => pauseMs(attempts, () => 1))).toEqual([500, 1000, 2000, 4000]);
  expect(pauseMs(3, () => 0)).toBe(2000);
  for (const attempts of [7, 20, 1e9]) expect(pauseMs(attempts, () => 1)).toBe(60_000);
});
