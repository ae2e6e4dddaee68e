import { describe, expect, test } from 'vitest';
import { calibrated, count, countFixed, worlds } from '../../bench/rollouts.ts';
import { wilsonInterval } from '../../src/statistics/wilson.ts';

const rollouts = 500;

function counted(name: string) {
  const world = worlds[name];
  if (world === undefined) throw new Error(`no world is called ${name}`);
  return count(world, rollouts);
}

/** Whether a share is surely above the limit. */
function isAbove(share: number, limit: number): boolean {
  return wilsonInterval(share * rollouts, rollouts).low > limit;
}

describe('simulated rollouts', () => {
  const alike = Object.keys(worlds).filter((name) => name.startsWith('alike'));
  test.each(alike)('%s: sent back in at most 5 %', (name) => {
    expect(isAbove(counted(name).sentBack, 0.05)).toBe(false);
  });

  test('versions that are alike are promoted by 20 000 calls', () => {
    expect(counted('alike').promoted).toBeGreaterThanOrEqual(0.9);
  });

  test.each(['3 points less accurate', '1 point more errors', '1.5 times the p95, 5000 calls'])(
    '%s: sent back',
    (name) => {
      expect(counted(name).sentBack).toBeGreaterThanOrEqual(0.8);
    },
  );

  test('20 calls a day: held, never promoted', () => {
    expect(counted('20 calls a day')).toMatchObject({ held: 1, promoted: 0, sentBack: 0 });
  });

  test('fewer calls see a worse candidate than with fixed thresholds at equal false rollbacks', () => {
    const fixed = calibrated(0.05, rollouts);
    for (const name of ['3 points less accurate', '1 point more errors', '1.5 times the p95, 5000 calls']) {
      const world = worlds[name];
      if (world === undefined) throw new Error(name);
      expect(counted(name).exposure).toBeLessThan(countFixed(fixed, world, rollouts).exposure);
    }
  });
});
