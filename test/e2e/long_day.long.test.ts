import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { catalogue } from '../../tools/index.ts';
import {
  readError,
  readSuccess,
  startServer,
  type TestServer,
  type ToolName,
  type ToolOutput,
} from './client.ts';
import { nbaFile, testModel } from './environment.ts';
import { facts, gamesIn, toCsv } from './nba.ts';
import { childrenOf, untilGone } from './processes.ts';
import { until } from './until.ts';

/**
 * A long day of one client: 10 000 calls over every tool in one session, models made, served, watched and deleted again
 * and again. What a server keeps of a model that is gone shows in its memory, its handles or its children; what grows
 * with the number of calls shows in how long the last ones take.
 */
const totalCalls = 10_000;
/** Calls of one kind that are under way at once. */
const together = 10;
const season = gamesIn('season.csv').slice(0, 400);
const games = season.slice(0, 250);

/** The life of one model, and what the server is like after it. */
interface Day {
  /** Of its calls, milliseconds. */
  durations: number[];
  residentMb: number;
  /** What the server's descriptors lead to. */
  handles: string[];
}

test.skipIf(process.platform !== 'linux')(
  '10 000 calls over every tool leave the server as it was after the first thousands',
  async () => {
    // With an arena a thread, glibc's memory grows for tens of thousands of calls though nothing is kept.
    const server = await startServer({
      settings: { MODELYARD_ROLE: 'admin', HEALTH_CHECK_INTERVAL_SEC: '1', MALLOC_ARENA_MAX: '2' },
    });
    const session = timedSession(server);
    const days: Day[] = [];
    while (session.durations.length < totalCalls) {
      const [day, from] = [days.length, session.durations.length];
      await workOn(`day_${day}`, session, server.directory);
      if (day % 10 === 0) await failAndAcknowledge(`failing_${day}`, session);
      await until('the engine hosts of deleted models to end', () => childrenOf(server.pid).length === 0);
      days.push({ durations: session.durations.slice(from), ...stateOf(server.pid) });
    }
    await server.close();
    await untilGone([server.pid]);

    expect(catalogue.map(({ name }) => name).filter((name) => !session.called.has(name))).toEqual([]);
    expect(server.standardError()).not.toMatch(/Warning/);

    // Other work on the machine comes and goes within a quarter of the days; the median day does not see it.
    const quarter = Math.floor(days.length / 4);
    const parts = [days.slice(quarter, 2 * quarter), days.slice(-quarter)];
    const medians = (of: (day: Day) => number) => parts.map((part) => median(part.map(of)));
    const report = {
      calls: session.durations.length,
      residentMb: medians(({ residentMb }) => residentMb),
      residentByDay: days.map(({ residentMb }) => Math.round(residentMb)),
      // Threads come and go with the work, each with descriptors of its own: what is lost is missing at the quietest moment too.
      handles: parts.map((part) =>
        Math.min(...part.map(({ handles }) => handles.filter((path) => !isDatabase(path)).length)),
      ),
      // SQLite keeps the descriptors of closed handles of a file that is still open elsewhere in the process, since closing
      // one would give up the locks of all, and uses them again: there are as many as were ever needed at once.
      database: Math.max(...days.map(({ handles }) => handles.filter(isDatabase).length)),
      p50: medians(({ durations }) => quantile(durations, 0.5)),
      p99: medians(({ durations }) => quantile(durations, 0.99)),
      more: moreOf(days[quarter]?.handles ?? [], days.at(-1)?.handles ?? []),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);

    expect(ratio(report.residentMb), JSON.stringify(report)).toBeLessThan(1.1);
    expect(ratio(report.handles), JSON.stringify(report)).toBeLessThanOrEqual(1);
    expect(report.database, JSON.stringify(report)).toBeLessThan(40);
    expect(ratio(report.p50), JSON.stringify(report)).toBeLessThan(2);
    expect(ratio(report.p99), JSON.stringify(report)).toBeLessThan(2);
  },
);

interface TimedSession {
  /** Of every call, milliseconds, in the order in which they were answered. */
  durations: number[];
  called: Set<string>;
  call<Name extends ToolName>(name: Name, given: Record<string, unknown>): Promise<ToolOutput<Name>>;
  /** A call that must fail with a code. */
  refused(name: ToolName, given: Record<string, unknown>, code: string): Promise<void>;
}

function timedSession(server: TestServer): TimedSession {
  const durations: number[] = [];
  const called = new Set<string>();
  const timed = async (name: ToolName, given: Record<string, unknown>) => {
    const began = performance.now();
    const result = await server.attempt(name, given);
    durations.push(performance.now() - began);
    called.add(name);
    return result;
  };
  return {
    durations,
    called,
    call: async (name, given) => readSuccess(name, await timed(name, given)),
    async refused(name, given, code) {
      expect(readError(name, await timed(name, given)).code).toBe(code);
    },
  };
}

/** The life of one model, with some three hundred calls. */
async function workOn(model_id: string, { call, refused }: TimedSession, directory: string): Promise<void> {
  const [first, second] = [
    { model_id, version: '1' },
    { model_id, version: '2' },
  ];
  const parts = { feature_names: facts.feature_names, class_labels: facts.class_labels };
  await call('register_model', { ...first, ...parts, source: nbaFile('home_win_v1.onnx') });
  await call('deploy_model', first);
  await call('deploy_model', { ...second, ...parts, source: nbaFile('home_win_v2.onnx'), set_active: false });
  await call('update_model', { ...second, metrics: { auc: 0.7 }, aliases: { challenger: '2' } });
  await call('set_reference_data', { model_id, data: season });
  await call('set_traffic', { model_id, weights: { 1: 0.5, 2: 0.5 } });
  const answers: { prediction_id: string }[] = [];
  for (let from = 0; from < games.length; from += together) {
    const group = games.slice(from, from + together);
    const given = await Promise.all(group.map((game) => call('predict', { model_id, inputs: [game] })));
    answers.push(...given.flatMap(({ predictions }) => predictions));
  }
  const outcomes = answers.map(({ prediction_id }, index) => ({
    prediction_id,
    actual: facts.class_labels[index % 2],
  }));
  await call('record_outcomes', { model_id, outcomes });
  await call('log_predictions', {
    ...second,
    predictions: games.map((features) => ({ features, prediction: facts.class_labels[0] })),
  });
  const file = join(directory, `${model_id}.csv`);
  writeFileSync(file, toCsv(games));
  const { output_path } = await call('predict_file', { model_id, input_path: file });
  for (const path of [file, output_path]) rmSync(path);
  await Promise.all([
    call('list_predictions', { model_id }),
    call('list_predictions', { model_id, only: 'with_outcome', response_format: 'detailed' }),
    call('get_performance', { model_id, by_version: true }),
    call('get_performance', { model_id, segment_by: facts.feature_names[0] }),
    call('compare_models', { model_id, versions: ['1', '2'] }),
    call('backtest', { ...second, against: '1' }),
    call('detect_drift', { model_id }),
    call('detect_drift', { model_id, current_data: games, method: 'psi', chart: true }),
    call('search_models', { query: model_id }),
    call('search_models', { metrics: [{ name: 'auc', op: '>', value: 0.5 }] }),
    call('get_model', { model_id, response_format: 'detailed' }),
    call('health_check', { model_id }),
    call('list_alerts', { model_id }),
    refused('sync_mlflow', { model_id }, 'MLFLOW_UNAVAILABLE'),
    refused('predict', { model_id, inputs: [{ unheard_of: 1 }] }, 'SIGNATURE_MISMATCH'),
    refused('get_model', { model_id: 'nobody' }, 'MODEL_NOT_FOUND'),
  ]);
  await call('reset_circuit_breaker', second);
  await call('set_traffic', { model_id, weights: { 1: 1 } });
  const { rollout_id } = await call('start_rollout', second);
  await call('get_rollout', { rollout_id });
  await call('control_rollout', { rollout_id, action: 'abort', reason: 'trial' });
  await call('promote_model', { ...first, target_stage: 'production' });
  await call('promote_model', { ...second, target_stage: 'production' });
  await call('rollback_model', { model_id, reason: 'trial' });
  await call('promote_model', { ...first, target_stage: 'archived' });
  for (const version of [first, second]) await call('retire_model', { ...version, force: true });
  await forget(model_id, call);
}

async function forget(model_id: string, call: TimedSession['call']): Promise<void> {
  const { confirm } = await call('delete_model', { model_id, dry_run: true });
  await call('delete_model', { model_id, confirm });
}

/** A model whose answers fail until the server raises an alert, which is acknowledged. */
async function failAndAcknowledge(model_id: string, { call, refused }: TimedSession): Promise<void> {
  const only = { model_id, version: '1' };
  await call('deploy_model', { ...only, source: testModel('slow_run'), class_labels: ['no', 'yes'] });
  // With class labels the answer is a probability, which 3 is not.
  await Promise.all(
    Array.from({ length: 30 }, () =>
      refused('predict', { model_id, inputs: [{ x: 3 }] }, 'INFERENCE_FAILED'),
    ),
  );
  const alert = await until('the alert', async () => {
    const { alerts } = await call('list_alerts', { model_id, state: 'open' });
    return alerts[0];
  });
  await call('acknowledge_alert', { alert_id: alert.alert_id });
  await call('retire_model', { ...only, force: true });
  await call('promote_model', { ...only, target_stage: 'archived' });
  await forget(model_id, call);
}

const statusPattern = /^VmRSS:\s+(\d+) kB$/m;

function stateOf(pid: number): Omit<Day, 'durations'> {
  const folder = `/proc/${pid}/fd`;
  const handles = readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name)).replace(/\[\d+\]/, '')];
    } catch {
      return []; // it was closed while we looked
    }
  });
  const kilobytes = statusPattern.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { residentMb: z.coerce.number().parse(kilobytes) / 1024, handles };
}

function isDatabase(path: string): boolean {
  return path.includes('modelyard.db');
}

/** What there is more of, and how many more. */
function moreOf(before: readonly string[], after: readonly string[]): Record<string, number> {
  const count = (all: readonly string[], one: string) => all.filter((other) => other === one).length;
  const grown = [...new Set(after)].map((one): [string, number] => [
    one,
    count(after, one) - count(before, one),
  ]);
  return Object.fromEntries(grown.filter(([, more]) => more > 0));
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The later of two over the earlier. */
function ratio([early = Number.NaN, late = Number.NaN]: readonly number[]): number {
  return late / early;
}
