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
  // Of these more cannot be had: decision 0041.
  const beyond = 'alike, 300 entities, without shadow';
  test.each(alike)('%s: sent back in at most 5 %, promoted in 90 % by 20 000 calls', (name) => {
    const { sentBack, promoted } = counted(name);
    expect(isAbove(sentBack, 0.05)).toBe(false);
    if (name !== beyond) expect(promoted).toBeGreaterThanOrEqual(0.9);
  });

  const worse = Object.keys(worlds).filter((name) => /less|more|times/.test(name));
  test.each(worse)('%s: sent back in 80 %', (name) => {
    expect(counted(name).sentBack).toBeGreaterThanOrEqual(0.8);
  });

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
