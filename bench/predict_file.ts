/**
 * What predict_file costs a row, of all threads and processes of the server, logged and not, beside pandas and
 * onnxruntime on the same rows: 1 000 000 games of the NBA example with noise, as CSV and as Parquet (Linux). Also how long
 * another call takes at most while such a file is answered.
 * `npm run build && MODELYARD_BENCH_PYTHON=… node dist/bench/predict_file.js [rows] [rounds]`; the Python has pandas, pyarrow and onnxruntime.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';
import { middle } from './middle.ts';
import { processorSeconds } from './processor_time.ts';

const [rows = 1_000_000, rounds = 3] = process.argv.slice(2).map(Number);
const python = process.env.MODELYARD_BENCH_PYTHON;
const example = join(packageDirectory, 'examples', 'nba');
const model = join(example, 'home_win_v1.onnx');
const facts: { feature_names: string[]; class_labels: string[] } = JSON.parse(
  readFileSync(join(example, 'features.json'), 'utf8'),
);
const peerScript = join(packageDirectory, 'bench', 'predict_file_peer.py');

/** Repeats the season's games, each time with other points and ratings. */
async function writeGames(path: string): Promise<void> {
  const [header = '', ...games] = readFileSync(join(example, 'season.csv'), 'utf8').trimEnd().split('\n');
  const columns = header.split(',');
  const noisy = columns.flatMap((name, index) => (/points|rating/.test(name) ? [index] : []));
  const file = createWriteStream(path);
  file.write(`${header}\n`);
  let state = 1;
  const noise = () => {
    state = (state * 48271) % 2147483647;
    return Math.round((state / 2147483647 - 0.5) * 100) / 10;
  };
  let text = '';
  for (let row = 0; row < rows; row++) {
    const cells = (games[row % games.length] ?? '').split(',');
    cells[0] = `game-${row}`;
    for (const index of noisy)
      cells[index] = String(Math.round((Number(cells[index]) + noise()) * 1e4) / 1e4);
    text += `${cells.join(',')}\n`;
    if (text.length < 1 << 20) continue;
    if (!file.write(text)) await once(file, 'drain');
    text = '';
  }
  file.end(text);
  await finished(file);
}

const directory = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
const inputs = { csv: join(directory, 'games.csv'), parquet: join(directory, 'games.parquet') };
await writeGames(inputs.csv);
const formats = python === undefined ? (['csv'] as const) : (['csv', 'parquet'] as const);
if (python !== undefined) execFileSync(python, [peerScript, 'parquet', inputs.csv, inputs.parquet]);

function peer(format: keyof typeof inputs): number {
  const output = join(directory, `peer.${format}`);
  const given = [peerScript, 'predict', model, inputs[format], output, facts.feature_names.join(',')];
  return Number(execFileSync(python ?? '', given, { encoding: 'utf8' }));
}

/** Seconds of the processors that a file took; with `others`, how long the longest other call took meanwhile. */
async function served(format: keyof typeof inputs, log: boolean, others = false): Promise<number> {
  const store = await mkdtemp(join(directory, 'store-'));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(packageDirectory, 'dist', 'src', 'main.js')],
    env: {
      ...getDefaultEnvironment(),
      MODEL_REGISTRY_DIR: store,
      MODELYARD_ENGINE_THREADS: '1',
      MODELYARD_ALLOWED_ROOTS: [directory, example].join(delimiter),
    },
  });
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(transport);
  const call = async (name: string, given: Record<string, unknown>) => {
    const answer = await client.callTool({ name, arguments: given }, undefined, { timeout: 600_000 });
    if (answer.isError) throw new Error(JSON.stringify(answer.content));
  };
  const pid = transport.pid ?? 0;
  try {
    await call('deploy_model', { model_id: 'nba', version: '1', source: model, ...facts });
    const before = processorSeconds(pid);
    let isAnswered = false;
    const answered = call('predict_file', {
      model_id: 'nba',
      input_path: inputs[format],
      output_path: join(directory, `out-${store.slice(-6)}.${format}`),
      log,
    }).finally(() => {
      isAnswered = true;
    });
    if (others) {
      let longest = 0;
      while (!isAnswered) {
        const started = performance.now();
        await call('search_models', { limit: 1 });
        longest = Math.max(longest, performance.now() - started);
        await pause(5);
      }
      await answered;
      return longest;
    }
    await answered;
    // What is logged counts until it is in the database and at rest.
    if (log) await call('list_predictions', { model_id: 'nba', limit: 1 });
    let spent = processorSeconds(pid);
    for (let last = -1; log && spent - last > 0.02; ) {
      last = spent;
      await pause(2000);
      spent = processorSeconds(pid);
    }
    return spent - before;
  } finally {
    await client.close();
  }
}

try {
  for (const format of formats) {
    console.log(
      `${format.padEnd(8)} longest other call meanwhile, logged: ${(await served(format, true, true)).toFixed(0)} ms`,
    );
    const found = { peer: [] as number[], unlogged: [] as number[], logged: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      if (python !== undefined) found.peer.push(peer(format));
      found.unlogged.push(await served(format, false));
      found.logged.push(await served(format, true));
    }
    const perRow = (values: number[]) => (middle(values) / rows) * 1e6;
    const floor = perRow(found.peer);
    for (const [name, values] of Object.entries(found))
      if (values.length > 0)
        console.log(
          `${format.padEnd(8)} ${name.padEnd(9)} ${perRow(values).toFixed(2).padStart(7)} µs a row   ${(perRow(values) / floor).toFixed(2)} × pandas + onnxruntime`,
        );
  }
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
