import { expect, test } from 'vitest';
import { defaultChoices, makePlan } from '../../src/rollouts/plan.ts';
import { countedSince, lookInterval } from '../../src/rollouts/waits.ts';

const plan = makePlan(defaultChoices);
const shadow = plan.steps.findIndex(({ kind }) => kind === 'shadow');

test('time in which no server ran counts towards no wait', () => {
  const rollout = { plan, step: shadow, state: 'running', lookedAt: 1_000_000 } as const;
  expect(lookInterval(rollout)).toBe(30_000);
  expect(countedSince(rollout, 1_030_000)).toBe(30_000);
  const production = { plan, step: plan.steps.length - 1, state: 'running' } as const;
  expect(lookInterval(production)).toBe(1000);
  expect(lookInterval({ ...production, state: 'held' })).toBe(10_000);
  // A day without a server.
  expect(countedSince(rollout, 1_000_000 + 86_400_000)).toBe(90_000);
  // The clock was set back.
  expect(countedSince(rollout, 900_000)).toBe(0);
});
