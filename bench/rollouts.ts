/**
 * Simulated rollouts, decided by the function that decides live ones: how often versions that are alike are sent back,
 * and worse ones found, with how many calls that saw them.
 *
 *   node dist/bench/rollouts.js [rollouts of each kind, default 10000] [only kinds with this in their name]
 */

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { defaultChoices, makePlan } from '../src/rollouts/plan.ts';
import { type Behaviour, type Simulated, simulate, type World } from './rollout_simulation.ts';
import { type FixedPlan, simulateFixed, thresholdsAt } from './rollout_thresholds.ts';

export const steady: Behaviour = { errorRate: 0.01, accuracy: 0.7, slower: 1 };
const usual = {
  plan: makePlan(defaultChoices),
  incumbent: steady,
  candidate: steady,
  calls: 20_000,
  lookEvery: 200,
  everyMs: 1000,
  entities: 0,
  outcomes: 1,
  same: 0.8,
};

/** The kinds of rollouts, by name. */
export const worlds: Record<string, World> = {
  alike: usual,
  'alike, looked at every 20 calls': { ...usual, lookEvery: 20 },
  'alike, each answers for itself': { ...usual, same: 0 },
  'alike, looked at every 2000 calls': { ...usual, lookEvery: 2000 },
  'alike, without outcomes': { ...usual, outcomes: 0 },
  'alike, without shadow': { ...usual, plan: makePlan({ ...defaultChoices, shadow: false }) },
  'alike, 2000 entities': { ...usual, entities: 2000 },
  'alike, 300 entities': { ...usual, entities: 300 },
  'alike, 300 entities, without shadow': {
    ...usual,
    entities: 300,
    plan: makePlan({ ...defaultChoices, shadow: false }),
  },
  'alike, a tenth of the errors': {
    ...usual,
    incumbent: { ...steady, errorRate: 0.001 },
    candidate: { ...steady, errorRate: 0.001 },
  },
  'alike, a fifth fails': {
    ...usual,
    incumbent: { ...steady, errorRate: 0.2 },
    candidate: { ...steady, errorRate: 0.2 },
  },
  '3 points less accurate': { ...usual, candidate: { ...steady, accuracy: 0.67 } },
  '3 points less accurate, without shadow': {
    ...usual,
    plan: makePlan({ ...defaultChoices, shadow: false }),
    candidate: { ...steady, accuracy: 0.67 },
  },
  '3 points less accurate, each answers for itself': {
    ...usual,
    same: 0,
    candidate: { ...steady, accuracy: 0.67 },
  },
  '1 point more errors': { ...usual, candidate: { ...steady, errorRate: 0.02 } },
  '1 point more errors, without outcomes or shadow': {
    ...usual,
    outcomes: 0,
    plan: makePlan({ ...defaultChoices, shadow: false }),
    candidate: { ...steady, errorRate: 0.02 },
  },
  '1.5 times the p95, 5000 calls': {
    ...usual,
    calls: 5000,
    lookEvery: 50,
    outcomes: 0,
    candidate: { ...steady, slower: 1.5 },
  },
  '1.5 times the p95, 5000 calls, with outcomes': {
    ...usual,
    calls: 5000,
    lookEvery: 50,
    candidate: { ...steady, slower: 1.5 },
  },
  '20 calls a day': { ...usual, calls: 600, lookEvery: 1, everyMs: 86_400_000 / 20 },
};

export interface Counted {
  promoted: number;
  sentBack: number;
  held: number;
  running: number;
  /** Share of the calls that the candidate answered, on average. */
  exposure: number;
  /** Calls until it ended, on average. */
  calls: number;
}

/** @param seed of the first */
export function count(world: World, rollouts: number, seed = 1): Counted {
  return counted(
    world,
    Array.from({ length: rollouts }, (_, index) => simulate(world, seed + index)),
  );
}

function counted(world: Pick<World, 'calls'>, of: readonly Simulated[]): Counted {
  const rollouts = of.length;
  const share = (ended: Simulated['ended']) => of.filter((one) => one.ended === ended).length / rollouts;
  const mean = (value: (one: Simulated) => number) => of.reduce((sum, one) => sum + value(one), 0) / rollouts;
  return {
    promoted: share('promoted'),
    sentBack: share('sent_back'),
    held: share('held'),
    running: share('running'),
    // Once it is promoted, all further calls see it.
    exposure: mean(
      ({ exposed, ended, calls }) =>
        (exposed + (ended === 'promoted' ? world.calls - calls : 0)) / world.calls,
    ),
    calls: mean(({ calls }) => calls),
  };
}

/** Fixed thresholds as near to what is usual as false rollbacks of at most `falseShare` let them be. */
export function calibrated(falseShare: number, rollouts: number): FixedPlan {
  const plan = { weights: [0.05, 0.25, 0.5], callsEach: 2000, interval: 500, failureLimit: 0 };
  for (let deviations = 1; ; deviations += 0.25) {
    const thresholds = thresholdsAt(steady, deviations, 0.25 * plan.interval);
    const found = countFixed({ ...plan, thresholds }, usual, rollouts);
    if (found.sentBack <= falseShare) return { ...plan, thresholds };
  }
}

export function countFixed(
  plan: FixedPlan,
  world: Pick<World, 'candidate' | 'calls'>,
  rollouts: number,
): Counted {
  return counted(
    world,
    Array.from({ length: rollouts }, (_, index) => simulateFixed(plan, world, index + 1)),
  );
}

function line(name: string, { sentBack, promoted, held, running, exposure, calls }: Counted): string {
  const shares = [sentBack, promoted, held, running, exposure].map(
    (share) => `${(100 * share).toFixed(1)} %`,
  );
  return `| ${[name, ...shares, Math.round(calls)].join(' | ')} |`;
}

/** Kinds that fixed thresholds are tried on too. */
const alsoFixed = /^(alike|3 points less accurate|1 point more errors|1.5 times the p95, 5000 calls)$/;

/** One kind, in a process of its own. */
async function countApart(name: string, rollouts: number): Promise<Counted> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    process.argv[1] ?? '',
    String(rollouts),
    name,
    'alone',
  ]);
  return JSON.parse(stdout);
}

/** Counts all kinds, as many at once as there are processors, and prints a table of Markdown. */
async function tabulate(rollouts: number, named: string): Promise<void> {
  const kinds = Object.entries(worlds).filter(([name]) => name.includes(named));
  const found = new Map<string, Counted>();
  const waiting = kinds.map(([name]) => name);
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      found.set(name, await countApart(name, rollouts));
      console.error(name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(
    '| kind | sent back | promoted | held | still open | calls that saw it | calls until its end |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const [name] of kinds) {
    const counts = found.get(name);
    if (counts !== undefined) console.log(line(name, counts));
  }
  const fixed = calibrated(found.get('alike')?.sentBack ?? 0.05, Math.min(rollouts, 1000));
  for (const [name, world] of kinds)
    if (alsoFixed.test(name))
      console.log(line(`fixed thresholds: ${name}`, countFixed(fixed, world, rollouts)));
}

if (process.argv[1]?.endsWith('rollouts.js')) {
  const [, , rollouts = '10000', named = '', alone] = process.argv;
  const world = worlds[named];
  if (alone !== undefined && world !== undefined) console.log(JSON.stringify(count(world, Number(rollouts))));
  else await tabulate(Number(rollouts), named);
}
