import { expect, test } from 'vitest';
import { historyFaults } from '../../src/integrity/check_versions.ts';

type Steps = Parameters<typeof historyFaults>[1];
const steps = (...stages: string[]): Steps =>
  stages.slice(1).map((to_stage, index) => ({
    sequence: index + 1,
    revision: 10 + index,
    kind: 'promotion' as const,
    from_stage: stages[index] ?? '',
    to_stage,
  }));
const life = steps('development', 'staging', 'production', 'archived', 'development');

test.each<[string, { stage: string; transitions: number }, Steps, RegExp[]]>([
  ['that never moved', { stage: 'development', transitions: 0 }, [], []],
  ['that went all the way', { stage: 'development', transitions: 4 }, life, []],
  [
    'that was rolled back to',
    { stage: 'production', transitions: 4 },
    [
      ...life.slice(0, 3),
      { sequence: 4, revision: 20, kind: 'rollback', from_stage: 'archived', to_stage: 'production' },
    ],
    [],
  ],
  [
    'in a stage nobody took it to',
    { stage: 'production', transitions: 0 },
    [],
    [/in production, and its stage history ends in development/],
  ],
  [
    'without its first step',
    { stage: 'development', transitions: 4 },
    life.slice(1),
    [/no step 1 before step 2/],
  ],
  [
    'without a step in the middle',
    { stage: 'development', transitions: 4 },
    life.filter(({ sequence }) => sequence !== 3),
    [/no step 3 before step 4/],
  ],
  [
    'without its last step',
    { stage: 'development', transitions: 4 },
    life.slice(0, 3),
    [/made 4 steps, .* ends with step 3/, /in development, .* ends in archived/],
  ],
  [
    'whose steps do not meet',
    { stage: 'archived', transitions: 2 },
    [
      ...steps('development', 'staging'),
      { sequence: 2, revision: 20, kind: 'promotion', from_stage: 'production', to_stage: 'archived' },
    ],
    [/step 2 .* begins in production, not in staging/],
  ],
  [
    'that went where none may go',
    { stage: 'production', transitions: 2 },
    steps('development', 'archived', 'production'),
    [/step 2 .* is illegal: from archived to production/],
  ],
  [
    'through a stage that does not exist',
    { stage: 'retired', transitions: 1 },
    steps('development', 'retired'),
    [/is illegal/],
  ],
  [
    'whose steps were made in another order',
    { stage: 'production', transitions: 2 },
    steps('development', 'staging', 'production').map((step) => ({ ...step, revision: 10 - step.sequence })),
    [/step 2 .* earlier revision/],
  ],
])('the history of a version %s', (_, version, history, faults) => {
  expect(historyFaults(version, history)).toEqual(faults.map((fault) => expect.stringMatching(fault)));
});
