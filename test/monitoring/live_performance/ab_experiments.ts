import { type Arm, measureArm } from '../../../src/monitoring/live_performance/arm.ts';
import { compareVersions } from '../../../src/monitoring/live_performance/compare_versions.ts';
import type { Compared } from '../../../src/prediction_log/outcome_window.ts';
import { chooseVersion } from '../../../src/serving/routing.ts';
import { seededRandom } from '../../../src/statistics/random.ts';

/** An experiment of two versions by halves, as live traffic makes it. */
export interface Shape {
  entities: number;
  rowsEach: number;
  /** Of the hit rate, or of the size of the errors, from entity to entity. */
  spread: number;
  /** Mean hit rate of version 1 and of version 2. */
  rates: readonly [number, number];
  isSticky: boolean;
  answers: 'classes' | 'numbers';
  /** Whether entities come one after another with all their rows, or all at once with ever more. */
  coming: 'entities' | 'rows';
  looks: number;
}

const versions: readonly string[] = ['1', '2'];
const weights = versions.map((version) => [version, 0.5] as const);

/** The rows of one version, in columns that have room for all. */
interface ArmRows {
  rows: number;
  /** Different units among them, which are numbered from 0. */
  units: number;
  unitOf: Int32Array;
  predicted: Int32Array;
  actual: Int32Array;
  errors: Float64Array;
  /** The actual values of numbers, so that what is predicted is the error. */
  zeros: Float64Array;
}

function emptyArm(capacity: number): ArmRows {
  return {
    rows: 0,
    units: 0,
    unitOf: new Int32Array(capacity),
    predicted: new Int32Array(capacity),
    actual: new Int32Array(capacity),
    errors: new Float64Array(capacity),
    zeros: new Float64Array(capacity),
  };
}

/** What a look at an experiment says, look by look. */
function* lookAt(shape: Shape, seed: number) {
  const random = seededRandom(seed);
  const route = { activeVersion: '1', weights, sticky: shape.isSticky, shadowVersion: undefined };
  const arms = versions.map(() => emptyArm(shape.entities * shape.rowsEach));
  const assigned = [0, 0];
  const entities = Array.from({ length: shape.entities }, (_, index) => {
    const key = `${seed}/${index}`;
    const choice = chooseVersion('model', route, shape.isSticky ? key : undefined, () => true, random());
    const arm = 'version' in choice ? versions.indexOf(choice.version) : 0;
    const level = (shape.rates[arm] ?? 0) + shape.spread * normal(random);
    const unit = assigned[arm] ?? 0;
    assigned[arm] = unit + 1;
    return { arm, level, unit };
  });
  const add = ({ arm, level, unit }: (typeof entities)[number], count: number) => {
    const own = arms[arm];
    if (own === undefined || count === 0) return;
    own.units = Math.max(own.units, unit + 1);
    for (let end = own.rows + count; own.rows < end; own.rows++) {
      own.unitOf[own.rows] = unit;
      if (shape.answers === 'numbers') {
        own.errors[own.rows] = Math.abs(10 * level + 2 * normal(random));
        continue;
      }
      // Half of the rows are said to be either class.
      const said = own.rows % 2;
      own.predicted[own.rows] = said;
      own.actual[own.rows] = random() < level ? said : 1 - said;
    }
  };
  for (let look = 1; look <= shape.looks; look++) {
    const part = (whole: number, of: number) => Math.floor((whole * of) / shape.looks);
    if (shape.coming === 'rows')
      for (const entity of entities) add(entity, part(shape.rowsEach, look) - part(shape.rowsEach, look - 1));
    else
      for (const entity of entities.slice(part(shape.entities, look - 1), part(shape.entities, look)))
        add(entity, shape.rowsEach);
    yield verdictOn(shape, arms);
  }
}

function verdictOn({ isSticky, answers }: Shape, arms: readonly ArmRows[]) {
  const split = {
    modelId: 'model',
    versions: weights.map(([version, weight]) => ({ version, weight })),
    sticky: isSticky,
    setAt: 0,
    since: 0,
    until: 1,
    baseline: '1',
    wasInterrupted: false,
  };
  const measured = new Map(arms.map((arm, index) => [versions[index] ?? '', armOf(arm, answers)]));
  const assigned = arms.map(({ units }, index) => ({
    version: versions[index] ?? '',
    units,
    calls: units,
    errors: 0,
    errorRate: undefined,
  }));
  const [quality] = compareVersions(split, assigned, measured).comparisons;
  if (quality === undefined) throw new Error('nothing was compared');
  return quality;
}

function armOf({ rows, unitOf, predicted, actual, errors, zeros }: ArmRows, answers: Shape['answers']): Arm {
  const compared: Compared =
    answers === 'classes'
      ? {
          kind: 'classes',
          classes: ['no', 'yes'],
          predicted: predicted.subarray(0, rows),
          actual: actual.subarray(0, rows),
        }
      : { kind: 'numbers', predicted: errors.subarray(0, rows), actual: zeros.subarray(0, rows) };
  const none = new Float64Array();
  const window = {
    rows,
    truncated: false,
    at: none,
    latencyMs: none,
    features: [],
    probabilities: [],
    errors: undefined,
    units: unitOf.subarray(0, rows),
    version: '1',
    compared,
  };
  return measureArm(window, undefined, ['no', 'yes']);
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** How many of so many experiments name a winner at any look, and how many of them the second version. */
export function winnersIn(runs: number, shape: Shape, firstSeed: number): { any: number; second: number } {
  let [any, second] = [0, 0];
  for (let run = 0; run < runs; run++)
    for (const { verdict } of lookAt(shape, firstSeed + run)) {
      if (verdict !== 'a_better' && verdict !== 'b_better') continue;
      any++;
      if (verdict === 'b_better') second++;
      break;
    }
  return { any, second };
}
