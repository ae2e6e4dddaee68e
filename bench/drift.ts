/**
 * What drift detection costs and how often it errs. `node dist/bench/drift.js [speed|null|power] …`:
 * - `speed [rows] [features]`: ks_test of as many current rows (default 1 000 000 × 50) from memory and from the log,
 *   with how long the event loop was held and the memory; with MODELYARD_BENCH_PYTHON naming a Python that has SciPy
 *   and Evidently, their times on the same numbers.
 * - `null [repetitions] [sizes]`: the share of reports on 50 stable features that say drift, by method and size.
 * - `power [repetitions]`: the share that find a shift of 0.5 σ in one of 50 features at 500 rows.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTask } from '../src/monitoring/analysis/run_task.ts';
import {
  type Column,
  compareColumns,
  compareJointly,
  type DriftMethod,
  profileColumn,
} from '../src/monitoring/drift/index.ts';
import { seededRandom } from '../src/monitoring/drift/random.ts';
import type { WindowColumn } from '../src/monitoring/log/window_column.ts';
import { logWindow } from './drift_log.ts';
import { type Held, holding, watchLoop } from './loop_watch.ts';

type NumericColumn = Extract<Column, { kind: 'numeric' }>;

const [mode = 'all', ...rest] = process.argv.slice(2);
const significance = 0.05;
const methods: readonly DriftMethod[] = [
  'ks_test',
  'chi_square',
  'psi',
  'kl_divergence',
  'js_distance',
  'wasserstein',
];

/** Standard normal values (Box & Muller 1958). */
function normalColumn(name: string, rows: number, random: () => number, shift = 0): NumericColumn {
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[row] = radius * Math.cos(angle) + shift;
    if (row + 1 < rows) values[row + 1] = radius * Math.sin(angle) + shift;
  }
  return { name, kind: 'numeric', values };
}

function normalColumns(features: number, rows: number, seed: number): NumericColumn[] {
  const random = seededRandom(seed);
  return Array.from({ length: features }, (_, index) => normalColumn(`f${index}`, rows, random));
}

interface Measured<Result> {
  result: Result;
  seconds: number;
  /** Processor time of all threads. */
  processorSeconds: number;
  held: Held;
}

/** Runs it with the event loop watched. */
async function measured<Result>(run: () => Promise<Result>): Promise<Measured<Result>> {
  const watch = watchLoop();
  const used = process.cpuUsage();
  const started = performance.now();
  const result = await run();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(used);
  return { result, seconds, processorSeconds: (user + system) / 1e6, held: watch.finish() };
}

async function measureSpeed(rows: number, features: number): Promise<void> {
  console.log(`\nks_test, ${rows} rows × ${features} features against a reference of ${rows}`);
  const directory = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  try {
    const reference = normalColumns(features, rows, 1);
    const current = normalColumns(features, rows, 2);
    for (const [side, columns] of [
      ['reference', reference],
      ['current', current],
    ] as const)
      for (const { name, values } of columns)
        writeFileSync(join(directory, `${side}_${name}.f64`), new Uint8Array(values.buffer));
    const bytes = process.memoryUsage().rss;
    console.log(`columns in memory, both sides: ${megabytes(bytes)}`);
    // What other work on the machine does to a loop that has nothing to do.
    report('an idle event loop', await measured(() => new Promise((resolve) => setTimeout(resolve, 2000))));
    const profiled = await measured(() =>
      runTask(
        { name: 'profile', input: { columns: reference, areAnswers: false, sample: new Uint32Array() } },
        false,
      ),
    );
    report('profile of the reference', profiled);
    const { profiles } = profiled.result;
    // Copies, since a thread takes the memory of what it is given.
    const copied = () => profiles.map((profile) => ({ ...profile, bytes: profile.bytes.slice() }));
    const compare = (columns: WindowColumn[], stored: typeof profiles) =>
      runTask(
        {
          name: 'measureDrift',
          input: {
            reference: {
              features: stored,
              predictions: [],
              rows: undefined,
            },
            current: { features: columns, predictions: [], rows },
            comparesFeatures: true,
            wanted: undefined,
            options: { method: 'ks_test', correction: 'bh', significance },
            jointly: false,
            segmentBy: undefined,
            buckets: undefined,
            medians: 12,
            chart: undefined,
          },
        },
        false,
      );
    const given = copied();
    const fromMemory = await measured(() => compare(current, given));
    report('from memory', fromMemory);
    console.log(`  drift in ${fromMemory.result.summary.drifted_features.length} features`);
    const log = await logWindow(directory, normalColumns(features, rows, 2));
    console.log(`log written: ${log.rows} rows`);
    const read = await measured(() => log.read());
    report('window of the log read', read);
    const fromLog = await measured(() => compare(read.result.features, profiles));
    report('compared', fromLog);
    console.log(`from the log in all: ${(read.seconds + fromLog.seconds).toFixed(2)} s`);
    await log.close();
    console.log(`peak memory of the process, the benchmark's own columns included: ${megabytes(peak)}`);
    comparePython(directory, features, rows, fromMemory.seconds);
  } finally {
    clearInterval(watch);
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(title: string, { seconds, processorSeconds, held }: Measured<unknown>): void {
  console.log(
    `${title}: ${seconds.toFixed(2)} s (${processorSeconds.toFixed(2)} s of processor time); ${holding(held)}`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** How long the peers may take together. */
const longestPeerSeconds = 900;

/** Runs the same numbers through SciPy and Evidently. */
function comparePython(directory: string, features: number, rows: number, seconds: number): void {
  const python = process.env.MODELYARD_BENCH_PYTHON;
  if (python === undefined) {
    console.log('Skipped: SciPy and Evidently, since MODELYARD_BENCH_PYTHON is not set.');
    return;
  }
  // The script is not compiled: it stays with the sources.
  const script = fileURLToPath(new URL('../../bench/drift_peers.py', import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [script, directory, String(features), String(rows)], {
    encoding: 'utf8',
    maxBuffer: 1e8,
    timeout: 1000 * longestPeerSeconds,
  });
  if (status === null) console.log(`Not done after ${longestPeerSeconds} s: what is not below.`);
  else if (status !== 0) {
    console.log(`Skipped: the Python script failed.\n${stderr.slice(-2000)}`);
    return;
  }
  for (const line of stdout
    .trim()
    .split('\n')
    .filter((text) => text !== '')) {
    const [name = '', time = ''] = line.split('\t');
    const peer = Number(time);
    console.log(
      Number.isFinite(peer) && time !== ''
        ? `${name}: ${peer.toFixed(2)} s, ${(peer / seconds).toFixed(1)} × ours from memory`
        : `Skipped: ${name} (${time})`,
    );
  }
}

/** A joint comparison takes a second: fewer of them. */
const mostJoint = 100;
const jointName = `multivariate (${mostJoint} repetitions at most)`;

function measureNull(repetitions: number, sizes: readonly number[]): void {
  console.log('\nstable data, 50 features: share of reports that say drift (at most 0.05 is wanted)');
  for (const rows of sizes) {
    const alarms = new Map<string, number>();
    // Effects below 0.1 are never drift: without that guard the tests themselves are seen.
    const asked: [DriftMethod, number | undefined][] = [
      ...methods.map((method): [DriftMethod, undefined] => [method, undefined]),
      ['ks_test', 0],
      ['chi_square', 0],
    ];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const before = normalColumns(50, rows, 2 * repetition + 1);
      const now = normalColumns(50, rows, 2 * repetition + 2);
      const profiles = before.map(profileColumn);
      for (const [method, minEffect] of asked) {
        const name = minEffect === undefined ? method : `${method}, no least effect`;
        const results = compareColumns(profiles, now, { method, minEffect, correction: 'bh', significance });
        alarms.set(name, (alarms.get(name) ?? 0) + Number(results.some(({ is_drift }) => is_drift)));
      }
      if (repetition < mostJoint) {
        const { is_drift } = compareJointly(before, now, { significance });
        alarms.set(jointName, (alarms.get(jointName) ?? 0) + Number(is_drift));
      }
    }
    const shares = [...alarms].map(([name, count]) => {
      const tried = name === jointName ? Math.min(mostJoint, repetitions) : repetitions;
      return `${name} ${(count / tried).toFixed(3)}`;
    });
    console.log(`${rows} rows, ${repetitions} repetitions: ${shares.join('; ')}`);
  }
}

function measurePower(repetitions: number): void {
  console.log('\none of 50 features moved by 0.5 σ, 500 rows a side: share of reports that find it');
  const random = seededRandom(7);
  const found = new Map<string, number>();
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const before = normalColumns(50, 500, 3 * repetition + 1).map(profileColumn);
    const now = [
      normalColumn('f0', 500, random, 0.5),
      ...normalColumns(50, 500, 3 * repetition + 2).slice(1),
    ];
    for (const method of methods) {
      const results = compareColumns(before, now, { method, correction: 'bh', significance });
      const isFound = results.some(({ feature, is_drift }) => feature === 'f0' && is_drift);
      found.set(method, (found.get(method) ?? 0) + Number(isFound));
    }
  }
  console.log([...found].map(([name, count]) => `${name} ${(count / repetitions).toFixed(3)}`).join('; '));
}

if (mode === 'speed' || mode === 'all')
  await measureSpeed(Number(rest[0] ?? 1_000_000), Number(rest[1] ?? 50));
if (mode === 'null' || mode === 'all')
  measureNull(Number(rest[0] ?? 1000), (rest[1] ?? '50,200,500,1000,10000,100000').split(',').map(Number));
if (mode === 'power' || mode === 'all') measurePower(Number(rest[0] ?? 1000));
