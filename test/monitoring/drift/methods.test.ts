import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { driftMethods } from '../../../src/monitoring/drift/methods/index.ts';

const guide = readFileSync(new URL('../../../docs/MONITORING_GUIDE.md', import.meta.url), 'utf8');
const rows = guide
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe("the guide's table of drift methods", () => {
  it.each(Object.values(driftMethods))('has $name as it is declared', (method) => {
    const row = rows.find(([, name]) => name === `\`${method.name}\``);
    const [, , columns, score, verdict] = row ?? [];
    expect(score).toBe(method.scoreMeaning);
    expect(columns).toMatch(method.measureCategories === undefined ? /^numbers$/ : /^categories, /);
    if (method.threshold === undefined) expect(verdict).toMatch(/^adjusted p < 0\.05 and [DV] ≥ 0\.1$/);
    else expect(verdict).toBe(`≥ ${method.threshold} and more than sampling gives`);
  });
});
