import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import { driftMethodNames } from '../../../src/monitoring/drift/index.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { uniforms } from './recipe.ts';

const methods = ['auto', ...driftMethodNames] as const;
/** Rows on either side, and how many reports are tried with them. */
const scenarios = [
  { size: 50, reports: 200 },
  { size: 500, reports: 100 },
  { size: 2000, reports: 50 },
] as const;
const featureCount = 20;

const uniform = uniforms(20_260_101);
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());

const categoryCount = Array.from({ length: 60 }, (_, index) => `category ${index}`);

const shapes: (() => number)[] = [
  normal,
  uniform,
  () => -Math.log(uniform()),
  () => Math.exp(normal()),
  () => Math.floor(5 * uniform()),
  () => Math.floor(300 * uniform() ** 2),
  () => (uniform() < 0.5 ? 0 : normal()),
];

/** A stable feature of a shape that its number decides: seven numeric ones, then categories, few or many. */
function draw(feature: number, size: number): ComparedColumn {
  const name = `feature ${feature}`;
  const shape = shapes[feature % (shapes.length + 2)];
  if (shape !== undefined)
    return { name, kind: 'numeric', values: Float64Array.from({ length: size }, shape) };
  const many = feature % 2 === 0 ? 4 : 60;
  const values = Array.from({ length: size }, () => categoryCount[Math.floor(many * uniform() ** 2)] ?? null);
  return { name, kind: 'categorical', values };
}

describe('without drift', () => {
  it('at most one report in twenty raises an alarm, whatever the method and the number of rows', () => {
    const alarms = new Map<string, number>();
    for (const { size, reports } of scenarios) {
      for (let report = 0; report < reports; report++) {
        const features = Array.from({ length: featureCount }, (_, feature) => feature);
        const reference = features.map((feature) => profileColumn(draw(feature, size)));
        const current = features.map((feature) => draw(feature, size));
        for (const method of methods) {
          const results = compareColumns(reference, current, {
            method,
            correction: 'bh',
            significance: 0.05,
          });
          const key = `${method} ${size}`;
          if (results.some(({ is_drift }) => is_drift)) alarms.set(key, (alarms.get(key) ?? 0) + 1);
        }
      }
    }
    for (const method of methods) {
      let raised = 0;
      let tried = 0;
      for (const { size, reports } of scenarios) {
        const here = alarms.get(`${method} ${size}`) ?? 0;
        // One size alone may show 5 % and its sampling error.
        const most = 0.05 + 1.65 * Math.sqrt(0.0475 / reports);
        expect(here / reports, `${method}, ${size} rows`).toBeLessThanOrEqual(most);
        raised += here;
        tried += reports;
      }
      expect(raised / tried, method).toBeLessThanOrEqual(0.05);
    }
  }, 300_000);
});

describe('psi and kl without drift, where bins may be empty', () => {
  // A decile of 100 rows is empty in one sample of a thousand, and then psi is three times as large as any other.
  it.each(['psi', 'kl_divergence'] as const)(
    '%s: at most one report of 100 rows in twenty',
    (method) => {
      const reports = 200;
      let alarms = 0;
      for (let report = 0; report < reports; report++) {
        const features = Array.from({ length: 50 }, (_, feature) => `feature ${feature}`);
        const sample = () =>
          features.map(
            (name): ComparedColumn => ({ name, kind: 'numeric', values: new Float64Array(100).map(normal) }),
          );
        const results = compareColumns(sample().map(profileColumn), sample(), {
          method,
          correction: 'bh',
          significance: 0.05,
        });
        if (results.some(({ is_drift }) => is_drift)) alarms++;
      }
      expect(alarms / reports).toBeLessThanOrEqual(0.05);
    },
    300_000,
  );
});

describe('a shift is found in 500 rows, in 95 of 100 reports', () => {
  // Half a standard deviation makes PSI 0.25 and KL 0.125, give or take 0.06: too near to their thresholds of
  // 0.2 and 0.1.
  const shifts = methods.map(
    (method) => [method, method === 'psi' || method === 'kl_divergence' ? 0.6 : 0.5] as const,
  );

  it.each(shifts)('%s: %f standard deviations', (method, shift) => {
    let found = 0;
    for (let report = 0; report < 100; report++) {
      const stable = Array.from({ length: 9 }, (_, feature) => feature);
      const reference = stable.map((feature) => profileColumn(draw(feature, 500)));
      const current = stable.map((feature) => draw(feature, 500));
      const moved: ComparedColumn = {
        name: 'moved',
        kind: 'numeric',
        values: new Float64Array(500).map(normal),
      };
      const results = compareColumns(
        [...reference, profileColumn(moved)],
        [...current, { ...moved, values: new Float64Array(500).map(() => normal() + shift) }],
        { method, correction: 'bh', significance: 0.05 },
      );
      if (results.at(-1)?.is_drift === true) found++;
    }
    expect(found).toBeGreaterThanOrEqual(95);
  });
});
