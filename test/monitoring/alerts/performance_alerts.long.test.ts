import { describe, expect, test } from 'vitest';
import { judgePerformance } from '../../../src/monitoring/alerts/rules/performance_drop.ts';
import { dropsOf } from '../../../src/monitoring/live_performance/compare_reference.ts';
import { type Measured, measureRows } from '../../../src/monitoring/live_performance/measure_rows.ts';
import { seededRandom } from '../../../src/statistics/random.ts';

const runs = 200;
const looks = 20;
/** P(more of 200 | 5 %) is 0.03. */
const mostAlerts = 16;
const threshold = 0.1;

/** A version in service: what it answers, and how well. */
interface Shape {
  kind: 'fraud' | 'classes' | 'numbers';
  /** Rows of the reference, and outcomes that are known at the last look. */
  reference: number;
  outcomes: number;
  /** Share of the second of two classes, or of the third of three. */
  share: number;
  /** Recall of that class, or the share of right answers; of numbers, the size of the errors is its inverse. */
  quality: number;
}

type Random = () => number;
const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** The first `rows` of a sequence of rows, measured as get_performance does. */
function measured({ kind, share }: Shape, quality: number, random: Random, rows: number) {
  const [predicted, actual] = [new Float64Array(rows), new Float64Array(rows)];
  const score = new Float64Array(rows);
  const classes = kind === 'fraud' ? ['no', 'yes'] : ['a', 'b', 'c'];
  for (let row = 0; row < rows; row++) {
    if (kind === 'numbers') {
      predicted[row] = 10 * random();
      actual[row] = (predicted[row] ?? 0) + normal(random) / quality;
      continue;
    }
    const isRare = random() < share;
    const truth = kind === 'fraud' ? Number(isRare) : isRare ? 2 : Math.floor(2 * random());
    const isRight = kind === 'fraud' && truth === 0 ? random() < 1 - share / 4 : random() < quality;
    actual[row] = truth;
    predicted[row] = isRight ? truth : (truth + 1) % classes.length;
    score[row] = predicted[row] === 1 ? 0.5 + 0.5 * random() : 0.5 * random();
  }
  return (count: number): Measured => {
    const [said, was] = [predicted.slice(0, count), actual.slice(0, count)];
    if (kind === 'numbers')
      return measureRows(
        { rows: count, probabilities: [], compared: { kind: 'numbers', predicted: said, actual: was } },
        undefined,
      );
    const positive = score.slice(0, count);
    return measureRows(
      {
        rows: count,
        probabilities:
          kind === 'fraud'
            ? [
                { label: 'no', values: positive.map((one) => 1 - one) },
                { label: 'yes', values: positive },
              ]
            : [],
        compared: {
          kind: 'classes',
          classes,
          predicted: Int32Array.from(said),
          actual: Int32Array.from(was),
        },
      },
      classes,
    );
  };
}

/** How many versions that now answer with this quality raise an alert at any of the looks, as outcomes come in. */
function alertsIn(shape: Shape, quality: number): number {
  let alerts = 0;
  for (let run = 0; run < runs; run++) {
    const random = seededRandom(run + 1);
    const reference = measured(shape, shape.quality, random, shape.reference)(shape.reference);
    const current = measured(shape, quality, random, shape.outcomes);
    for (let look = 1; look <= looks; look++) {
      const outcomes = Math.floor((shape.outcomes * look) / looks);
      const drops = dropsOf(reference, current(outcomes), threshold, 2);
      const { state } = judgePerformance(
        'model',
        '1',
        {
          // Of several metrics only the drops are judged.
          metric: 'accuracy',
          higherIsBetter: true,
          reference: 1,
          current: 1,
          low: 1,
          high: 1,
          outcomes,
          isEstimate: false,
          drops: drops.map(({ drop: { by, dropped }, ...of }) => ({ ...of, by, dropped })),
        },
        threshold,
      );
      if (state !== 'firing') continue;
      alerts++;
      break;
    }
  }
  return alerts;
}

const shapes: Shape[] = [
  { kind: 'fraud', reference: 10_000, outcomes: 4000, share: 0.01, quality: 0.85 },
  { kind: 'fraud', reference: 2000, outcomes: 1000, share: 0.05, quality: 0.7 },
  { kind: 'fraud', reference: 1000, outcomes: 1000, share: 0.4, quality: 0.75 },
  { kind: 'fraud', reference: 500, outcomes: 2000, share: 0.1, quality: 0.5 },
  { kind: 'classes', reference: 1000, outcomes: 1000, share: 0.33, quality: 0.7 },
  { kind: 'classes', reference: 1000, outcomes: 3000, share: 0.02, quality: 0.7 },
  { kind: 'numbers', reference: 1000, outcomes: 1000, share: 0, quality: 0.5 },
  { kind: 'numbers', reference: 300, outcomes: 2000, share: 0, quality: 0.5 },
];

describe('200 versions that answer as on their reference, looked at twenty times while outcomes come in', () => {
  test.each(shapes)(
    '$kind of $share, $quality, reference of $reference rows: at most 16 raise an alert',
    (shape) => {
      expect(alertsIn(shape, shape.quality)).toBeLessThanOrEqual(mostAlerts);
    },
  );
});

// As docs/MONITORING_GUIDE.md says.
describe('a true drop is found by one of the looks in four of five versions', () => {
  test.each([
    ['recall 0.85 to 0.5 of 1 % fraud, by 4000 outcomes', shapes[0], 0.5],
    ['recall 0.75 to 0.6 of 40 %, by 1000 outcomes', shapes[2], 0.6],
    ['accuracy 0.7 to 0.6 of three classes, by 1000 outcomes', shapes[4], 0.6],
  ])('%s', (_, shape, quality) => {
    if (shape === undefined) throw new Error('There is such a shape.');
    expect(alertsIn(shape, quality)).toBeGreaterThanOrEqual(160);
  });
});
