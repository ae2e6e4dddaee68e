/**
 * How many logged rows a minute a backtest replays on both versions of the NBA example, the memory that it takes, and what
 * live calls notice: p50 of single-row predicts of one client while a backtest runs and while none does, in turns (Linux).
 * `npm run build && node dist/bench/backtest.js [rows] [rounds]`, by default 1 000 000 and 5. On PostgreSQL with
 * DATABASE_URL, which must name an empty database.
 */
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../src/package_info.ts';
import { middle } from './middle.ts';
import { processorSeconds } from './processor_time.ts';

const [rows = 1_000_000, rounds = 5] = process.argv.slice(2).map(Number);
const example = join(packageDirectory, 'examples', 'nba');
const facts: { feature_names: string[]; class_labels: string[] } = JSON.parse(
  readFileSync(join(example, 'features.json'), 'utf8'),
);
const [header = '', ...games] = readFileSync(join(example, 'season.csv'), 'utf8').trimEnd().split('\n');
const columns = header.split(',');

/** The season's games again and again, each time with other points. */
async function writeGames(path: string): Promise<void> {
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
const input = join(directory, 'games.csv');
await writeGames(input);
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [join(packageDirectory, 'dist', 'src', 'main.js')],
  env: {
    ...getDefaultEnvironment(),
    ...(process.env.DATABASE_URL !== undefined && { DATABASE_URL: process.env.DATABASE_URL }),
    MODEL_REGISTRY_DIR: join(directory, 'store'),
    MODELYARD_ALLOWED_ROOTS: [directory, example].join(delimiter),
  },
});
const client = new Client({ name: 'bench', version: '1.0.0' });
await client.connect(transport);
const pid = transport.pid ?? 0;

async function call(name: string, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const answer = await client.callTool({ name, arguments: given }, undefined, { timeout: 1_200_000 });
  if (answer.isError) throw new Error(JSON.stringify(answer.content));
  return answer.structuredContent as Record<string, unknown>;
}

const game = Object.fromEntries(
  facts.feature_names.map((name) => [name, Number(games[0]?.split(',')[columns.indexOf(name)])]),
);

/** Milliseconds of single-row predicts, one after another, until told to stop. */
async function callers(isOver: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const started = performance.now();
    await call('predict', { model_id: 'nba', inputs: [game] });
    times.push(performance.now() - started);
  }
  return times;
}

/** The highest resident memory of the server since the last look, MB. */
function peakMegabytes(): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1000;
}

try {
  for (const [version, tool] of [
    ['1', 'deploy_model'],
    ['2', 'register_model'],
  ] as const)
    await call(tool, {
      model_id: 'nba',
      version,
      source: join(example, `home_win_v${version}.onnx`),
      ...facts,
    });
  await call('predict_file', {
    model_id: 'nba',
    input_path: input,
    output_path: join(directory, 'out.csv'),
    outcome_column: 'actual',
  });
  // What was logged is moved and at rest.
  await call('list_predictions', { model_id: 'nba', limit: 1 });
  const asked = { model_id: 'nba', version: '2', max_rows: rows, window_hours: 24 };
  const before = peakMegabytes();
  const found = {
    alone: [] as number[],
    rest: [] as number[],
    meanwhile: [] as number[],
    ratios: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    const spent = processorSeconds(pid);
    const started = performance.now();
    const report = await call('backtest', asked);
    const seconds = (performance.now() - started) / 1000;
    found.alone.push(seconds);
    if (round === 0) console.log(JSON.stringify(report.rows), report.verdict, report.reason);
    console.log(
      `round ${round + 1}: ${seconds.toFixed(1)} s, ${((60 * rows) / seconds / 1e6).toFixed(2)} million rows a minute, ${(processorSeconds(pid) - spent).toFixed(1)} s of all its processor time`,
    );
    const restUntil = performance.now() + 5000;
    const rest = await callers(() => performance.now() > restUntil);
    let isAnswered = false;
    const answered = call('backtest', asked).finally(() => {
      isAnswered = true;
    });
    const meanwhile = await callers(() => isAnswered);
    await answered;
    found.rest.push(middle(rest));
    found.meanwhile.push(middle(meanwhile));
    found.ratios.push(middle(meanwhile) / middle(rest));
    console.log(
      `  live p50 at rest ${middle(rest).toFixed(2)} ms (${rest.length} calls), meanwhile ${middle(meanwhile).toFixed(2)} ms (${meanwhile.length} calls): ${(middle(meanwhile) / middle(rest)).toFixed(2)} ×`,
    );
  }
  console.log(
    `${rows} rows: ${((60 * rows) / middle(found.alone) / 1e6).toFixed(2)} million a minute; live p50 ${middle(found.ratios).toFixed(2)} × meanwhile; peak memory of the server ${peakMegabytes().toFixed(0)} MB (before ${before.toFixed(0)})`,
  );
} finally {
  await client.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
