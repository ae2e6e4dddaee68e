/**
 * How often drift detection errs, by the very code that detect_drift runs. `node dist/bench/drift_calibration.js`:
 * - `null [repetitions] [cell …]`: reports on 50 features without drift: the share that say drift, 5 % at most is wanted.
 * - `power [repetitions] [cell …]`: 0.5 σ in one and in ten of 50 features: the share of reports that find them.
 * - `joint [repetitions] [cell …]`: both for method multivariate, of which a report takes a second.
 *
 * A cell is `<reference rows>[x<current rows>][:normal|heavy|mixed|steps|gaps]`. Numbers are float32, as most
 * models take them. Shares come with their 95 % interval (Wilson).
 */

import { measureDrift, type ReportRequest } from '../src/monitoring/drift/measure_drift.ts';
import type { DriftMethod } from '../src/monitoring/drift/methods/index.ts';
import { driftMethodNames, isTest } from '../src/monitoring/drift/methods/index.ts';
import { profileReference } from '../src/monitoring/reference/reference_profile.ts';
import { encodeReferenceRows, maxReferenceRows } from '../src/monitoring/reference/reference_rows.ts';
import { encodeProfile } from '../src/monitoring/reference/stored_column.ts';
import { comparedColumn } from '../src/monitoring/rows/compared_column.ts';
import { roundAsModel } from '../src/serving/codec/round_as_model.ts';
import { type Random, seededRandom } from '../src/statistics/random.ts';
import { wilsonInterval } from '../src/statistics/wilson.ts';
import type { Column } from '../src/tables/column.ts';

const features = 50;
const significance = 0.05;
const shift = 0.5;

interface Cell {
  name: string;
  reference: number;
  current: number;
  shape: string;
}

/** What is asked of a report. */
interface Question {
  name: string;
  method: 'auto' | DriftMethod;
  minEffect?: number;
  threshold?: number;
}

const distances: Question[] = driftMethodNames
  .filter((method) => !isTest(method))
  .map((method) => ({ name: method, method }));
const questions: Question[] = [
  { name: 'auto', method: 'auto' },
  { name: 'ks_test', method: 'ks_test' },
  { name: 'chi_square', method: 'chi_square' },
  ...distances,
];
// An effect below 0.1 is never drift: without that guard the tests themselves are seen.
const bareTests: Question[] = (['ks_test', 'chi_square'] as const).map((method) => ({
  name: `${method}, min_effect 0`,
  method,
  minEffect: 0,
}));

// 0.5 σ makes PSI 0.24 and KL 0.12, too near to 0.2 and 0.1 to be found in 95 of 100 samples of 500 rows.
const lowerThresholds: Question[] = [
  { name: 'psi, threshold 0.17', method: 'psi', threshold: 0.17 },
  { name: 'kl_divergence, threshold 0.085', method: 'kl_divergence', threshold: 0.085 },
];

/** Two standard normal values at a time (Box & Muller 1958). */
function normals(random: Random): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** Shapes that a feature takes by its number. A `number` shape draws values, one of categories their codes. */
type Shape = { of: 'numbers' | 'categories' | 'truth values'; draw: () => number };

function shapesOf(name: string, random: Random): Shape[] {
  const normal = normals(random);
  const numbers = (draw: () => number): Shape => ({ of: 'numbers', draw });
  switch (name) {
    case 'normal':
      return [numbers(normal)];
    case 'heavy':
      return [
        numbers(() => Math.tan(Math.PI * (random() - 0.5))), // Cauchy: no mean at all
        numbers(() => Math.exp(2 * normal())),
        numbers(() => (1 - random()) ** (-1 / 1.5)), // Pareto without variance
      ];
    case 'mixed':
      return [
        numbers(() => Math.floor(5 * random())),
        numbers(() => Math.floor(300 * random() ** 2)),
        numbers(() => (random() < 0.5 ? 0 : normal())),
        numbers(() => (random() < 0.1 ? Number.NaN : Math.round(10 * normal()) / 10)),
        { of: 'categories', draw: () => Math.floor(4 * random()) },
        { of: 'categories', draw: () => Math.floor(60 * random() ** 2) },
        { of: 'categories', draw: () => Math.floor(1e6 * random() ** 4) },
        { of: 'truth values', draw: () => Number(random() < 0.03) },
      ];
    case 'steps':
      // Of few values, each is a bin of its own, and one that the reference never had is seen.
      return [
        numbers(() => Math.floor(3 * random())),
        numbers(() => Math.floor(30 * random() ** 3)),
        numbers(() => (random() < 0.002 ? 99 : Math.floor(5 * random()))),
        numbers(() => Math.round(2 * normal()) / 2),
      ];
    case 'gaps':
      // Of the rarest gaps a reference often has none, and every clear rise from none counts.
      return [0.0005, 0.005, 0.05, 0.5].map((share) =>
        numbers(() => (random() < share ? Number.NaN : normal())),
      );
    default:
      throw new Error(`There is no shape ${name}.`);
  }
}

function drawColumns(shape: string, rows: number, random: Random, shifted = 0): Column[] {
  const shapes = shapesOf(shape, random);
  return Array.from({ length: features }, (_, index): Column => {
    const name = `f${index}`;
    const { of, draw } = shapes[index % shapes.length] ?? { of: 'numbers', draw: () => 0 };
    const values = new Float64Array(rows);
    const moved = index < shifted ? shift : 0;
    for (let row = 0; row < rows; row++) values[row] = draw() + moved;
    if (of === 'numbers') {
      roundAsModel(values, 'FP32');
      return { name, kind: 'numeric', values };
    }
    const categories = [...new Set(values)];
    const codes = new Map(categories.map((value, code) => [value, code]));
    return {
      name,
      kind: of === 'categories' ? 'categorical' : 'boolean',
      categories: categories.map((value) => (of === 'categories' ? `c${value}` : String(value === 1))),
      codes: Int32Array.from(values, (value) => codes.get(value) ?? -1),
    };
  });
}

/** The reference as it is stored. */
function storedReference(columns: Column[], rows: number, jointly: boolean): ReportRequest['reference'] {
  const kept = Math.min(rows, maxReferenceRows(columns.length));
  // Rows are independent here, so that the first ones are as good as a draw.
  const first = (column: Column): Column =>
    column.kind === 'numeric'
      ? { ...column, values: column.values.slice(0, kept) }
      : { ...column, codes: column.codes.slice(0, kept) };
  return {
    features: jointly ? [] : columns.map((column) => encodeProfile(profileReference(comparedColumn(column)))),
    predictions: [],
    rows: jointly
      ? encodeReferenceRows({
          rows: kept,
          features: columns.map(first),
          values: [],
          probabilities: [],
          outcome: undefined,
        })
      : undefined,
  };
}

/** The report that detect_drift gives. */
function report(
  reference: ReportRequest['reference'],
  current: Column[],
  rows: number,
  { method, minEffect, threshold }: Omit<Question, 'name'>,
) {
  const jointly = reference.rows !== undefined;
  return measureDrift({
    reference,
    current: { features: current, predictions: [], rows },
    comparesFeatures: true,
    wanted: undefined,
    options: { method, minEffect, threshold, correction: 'bh', significance },
    jointly,
    segmentBy: undefined,
    buckets: undefined,
    medians: 0,
    chart: undefined,
  });
}

function share(count: number, trials: number): string {
  const { low, high } = wilsonInterval(count, trials);
  return `${(count / trials).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

class Tally {
  private readonly counts = new Map<string, { count: number; trials: number }>();

  add(name: string, count: number, trials = 1): void {
    const known = this.counts.get(name) ?? { count: 0, trials: 0 };
    this.counts.set(name, { count: known.count + count, trials: known.trials + trials });
  }

  print(title: string): void {
    console.log(`\n${title}`);
    for (const [name, { count, trials }] of this.counts) console.log(`  ${name}: ${share(count, trials)}`);
  }
}

async function measureNull(cell: Cell, repetitions: number, jointly: boolean): Promise<void> {
  const tally = new Tally();
  const asked = jointly
    ? [{ name: 'multivariate', method: 'auto' as const }]
    : [...questions, ...bareTests, ...lowerThresholds];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const random = seededRandom(repetition + 1);
    const before = drawColumns(cell.shape, cell.reference, random);
    const now = drawColumns(cell.shape, cell.current, random);
    const reference = storedReference(before, cell.reference, jointly);
    for (const question of asked) {
      // Of numbers, auto is ks_test.
      if (question.method === 'auto' && cell.shape !== 'mixed' && !jointly) continue;
      const { summary } = await report(reference, now, cell.current, question);
      tally.add(question.name, Number(summary.is_drift));
    }
  }
  tally.print(`${cell.name}: no drift, ${repetitions} reports, share that say drift`);
}

/** So many reports share a reference of many rows, which itself hardly varies. */
const reportsAReference = 20;
const manyRows = 50_000;

async function measurePower(cell: Cell, repetitions: number, jointly: boolean): Promise<void> {
  const tally = new Tally();
  const random = seededRandom(77);
  const draw = () =>
    storedReference(drawColumns(cell.shape, cell.reference, random), cell.reference, jointly);
  let reference = draw();
  const asked = jointly
    ? [{ name: 'multivariate', method: 'auto' as const }]
    : [...questions.slice(1), ...lowerThresholds];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    if (cell.reference < manyRows || repetition % reportsAReference === 0) reference = draw();
    for (const moved of [1, 10]) {
      const now = drawColumns(cell.shape, cell.current, random, moved);
      for (const question of asked) {
        const { summary } = await report(reference, now, cell.current, question);
        const title = `${question.name}, ${moved} of ${features} moved`;
        if (jointly) {
          tally.add(title, Number(summary.is_drift));
          continue;
        }
        const found = summary.drifted_features.filter((name) => Number(name.slice(1)) < moved).length;
        tally.add(title, found, moved);
        if (moved > 1) tally.add(`${title}, all found`, Number(found === moved));
        tally.add(`${title}, others named`, Number(summary.drifted_features.length > found));
      }
    }
  }
  tally.print(`${cell.name}: ${shift} σ, ${repetitions} reports, share found`);
}

function cellOf(text: string): Cell {
  const [sizes = '', shape = 'normal'] = text.split(':');
  const [reference = 0, current = reference] = sizes.split('x').map(Number);
  return { name: text, reference, current, shape };
}

const nullCells = [
  '50',
  '100',
  '500',
  '5000',
  '10000x500',
  '100x5000',
  '500:heavy',
  '500:mixed',
  '100:steps',
  '500:steps',
  '5000:steps',
  '500:gaps',
  '5000:gaps',
  '100000',
];
const powerCells = ['500', '5000x500', '100000x500'];

const [mode = 'null', repetitionsText = '1000', ...cellTexts] = process.argv.slice(2);
const repetitions = Number(repetitionsText);
const cells = (defaults: readonly string[]) => (cellTexts.length > 0 ? cellTexts : defaults).map(cellOf);
if (mode === 'null' || mode === 'joint')
  for (const cell of cells(nullCells)) await measureNull(cell, repetitions, mode === 'joint');
if (mode === 'power' || mode === 'joint')
  for (const cell of cells(powerCells)) await measurePower(cell, repetitions, mode === 'joint');
