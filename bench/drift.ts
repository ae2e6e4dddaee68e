/**
 * What drift detection costs. `node dist/bench/drift.js [rows] [features]`: ks_test of as many current rows (default
 * 1 000 000 × 50) from memory and from the log, with how long the event loop was held and the memory; with
 * MODELYARD_BENCH_PYTHON naming a Python that has SciPy and Evidently, their times on the same numbers. How often it
 * errs is measured by drift_calibration.ts.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtFile } from '../src/built_file.ts';
import { measureDrift } from '../src/monitoring/drift/measure_drift.ts';
import { profileColumns } from '../src/monitoring/reference/profile_columns.ts';
import type { ComparedColumn } from '../src/monitoring/rows/compared_column.ts';
import { packageDirectory } from '../src/package_info.ts';
import { seededRandom } from '../src/statistics/random.ts';
import type { Column } from '../src/tables/column.ts';
import { heavyTask } from '../src/threads/index.ts';
import { logWindow } from './drift_log.ts';
import { type Held, holding, watchLoop } from './loop_watch.ts';

type NumericColumn = Extract<ComparedColumn, { kind: 'numeric' }>;

const significance = 0.05;

/** Standard normal values (Box & Muller 1958). */
function normalColumn(name: string, rows: number, random: () => number): NumericColumn {
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[row] = radius * Math.cos(angle);
    if (row + 1 < rows) values[row + 1] = radius * Math.sin(angle);
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

const profile = heavyTask(builtFile('profile_columns.js'), 'profileColumns', async () => profileColumns);
const measure = heavyTask(builtFile('measure_drift.js'), 'measureDrift', async () => measureDrift);

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
      profile({ columns: reference, areAnswers: false, sample: new Uint32Array() }, false),
    );
    report('profile of the reference', profiled);
    const { profiles } = profiled.result;
    // Copies, since a thread takes the memory of what it is given.
    const copied = () => profiles.map((profile) => ({ ...profile, bytes: profile.bytes.slice() }));
    const compare = (columns: Column[], stored: typeof profiles) =>
      measure(
        {
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
  const script = join(packageDirectory, 'bench', 'drift_peers.py');
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

const [rows = 1_000_000, features = 50] = process.argv.slice(2).map(Number);
await measureSpeed(rows, features);
