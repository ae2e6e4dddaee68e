import { describe, expect, test } from 'vitest';
import { judgeTransition, type Stage, stages, stepsBetween } from '../../src/registry/stages.ts';

const legal: Record<Stage, Stage[]> = {
  development: ['staging', 'production', 'archived'],
  staging: ['production', 'archived'],
  production: ['archived'],
  archived: ['development'],
};
const pairs = stages.flatMap((from) => stages.map((to) => [from, to] as const));

test.each(pairs)('from %s to %s', (from, to) => {
  const transition = judgeTransition(from, to);
  expect(transition.legal).toBe(legal[from].includes(to));
  if (!transition.legal && from !== to) expect(transition.hint).toContain(legal[from].join(', '));
});

test('skipping staging is warned about, and nothing else is', () => {
  const warned = pairs.filter(([from, to]) => {
    const transition = judgeTransition(from, to);
    return transition.legal && transition.warnings.length > 0;
  });
  expect(warned).toEqual([['development', 'production']]);
});

describe('the steps from one stage to another', () => {
  test.each(pairs)('from %s to %s are legal and lead there', (from, to) => {
    const way: Stage[] = [from, ...stepsBetween(from, to)];
    expect(way.at(-1)).toBe(to);
    expect(new Set(way).size).toBe(way.length);
    way.slice(1).forEach((stage, index) => {
      expect(judgeTransition(way[index] ?? from, stage).legal).toBe(true);
    });
  });

  test('are as few as possible', () => {
    expect(stepsBetween('archived', 'production')).toEqual(['development', 'production']);
    expect(stepsBetween('staging', 'development')).toEqual(['archived', 'development']);
  });
});
