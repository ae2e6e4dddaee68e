/**
 * The whole life of a model in a minute: the NBA home-win model is deployed, asked, promoted, replaced and
 * watched, by a real MCP client that starts the built server over stdio. Every step checks what it got.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { packageDirectory } from '../../src/package_info.ts';
import { connect, type DemoClient } from './demo_client.ts';

const example = join(packageDirectory, 'examples', 'nba');
const model_id = 'nba-home-win';

type Row = Record<string, string>;
type Features = Record<string, number>;

/** @returns the exit code: 0 when every step was right. */
export async function runDemo(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'modelyard-demo-'));
  let client: DemoClient | undefined;
  try {
    client = await connect(directory);
    say('ModelYard demo: an NBA home-win model, from file to watched production.\n');
    const story = await readStory();
    await deployFirst(client, story);
    await predictTonight(client, story);
    await promote(client);
    await deploySecond(client, story);
    await compare(client, story);
    await switchOver(client);
    const games = await playSeason(client, story);
    await settleSeason(client, story, games);
    await watchDrift(client, story);
    const before = await checkHealth(client);
    await client.close();
    client = await connect(directory);
    await checkRestart(client, before);
    say('\nEvery step did what it should. Now try it with your own model: see README.md.');
    return 0;
  } catch (error) {
    say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await client?.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Story {
  featureNames: string[];
  classLabels: string[];
  metrics: { v1: Record<string, number>; v2: Record<string, number> };
  tonight: Row[];
  season: Row[];
}

async function readStory(): Promise<Story> {
  const text = (name: string) => readFile(join(example, name), 'utf8');
  const names: { feature_names: string[]; class_labels: string[] } = JSON.parse(await text('features.json'));
  const metrics: Story['metrics'] = JSON.parse(await text('metrics.json'));
  const rows = async (name: string): Promise<Row[]> => parse(await text(name), { columns: true });
  return {
    featureNames: names.feature_names,
    classLabels: names.class_labels,
    metrics,
    tonight: await rows('tonight.csv'),
    season: await rows('season.csv'),
  };
}

async function deployFirst(client: DemoClient, story: Story): Promise<void> {
  step('Deploy version 1 (registers, verifies, loads, warms, serves)');
  const deployed = await client.call('deploy_model', {
    model_id,
    version: 'v1',
    source: join(example, 'home_win_v1.onnx'),
    feature_names: story.featureNames,
    class_labels: story.classLabels,
    framework: 'scikit-learn',
    algorithm: 'logistic regression on recent form',
    metrics: story.metrics.v1,
  });
  require(deployed.status === 'ready' && deployed.active === true, 'v1 is not active');
  say(`  v1 is ready and active, in stage ${deployed.stage}; loaded in ${deployed.load_ms} ms`);
}

async function predictTonight(client: DemoClient, story: Story): Promise<void> {
  step("Predict tonight's games");
  const answer = await client.predict({
    model_id,
    inputs: story.tonight.map((row) => featuresOf(story, row)),
  });
  require(answer.predictions.length === story.tonight.length, 'not every game was answered');
  story.tonight.forEach((game, index) => {
    const home = answer.predictions[index]?.probabilities?.home_win;
    require(home !== undefined && home > 0 && home < 1, 'a probability is missing');
    say(`  ${game.away_team} at ${game.home_team}   home win ${percent(home)} ${bar(home)}`);
  });
}

async function promote(client: DemoClient): Promise<void> {
  step('Promote v1: development → staging → production');
  for (const target_stage of ['staging', 'production']) {
    const promoted = await client.call('promote_model', {
      model_id,
      version: 'v1',
      target_stage,
      reason: 'demo',
    });
    require(promoted.applied === true &&
      promoted.to_stage === target_stage, `v1 did not reach ${target_stage}`);
    say(`  ${promoted.from_stage} → ${promoted.to_stage}`);
  }
}

async function deploySecond(client: DemoClient, story: Story): Promise<void> {
  step('Deploy version 2 beside it (v1 keeps the traffic)');
  const deployed = await client.call('deploy_model', {
    model_id,
    version: 'v2',
    source: join(example, 'home_win_v2.onnx'),
    set_active: false,
    feature_names: story.featureNames,
    class_labels: story.classLabels,
    framework: 'scikit-learn',
    algorithm: 'logistic regression on season strength and schedule',
    metrics: story.metrics.v2,
    parent_version: 'v1',
  });
  require(deployed.active === false && deployed.previous_active === 'v1', 'v2 took the traffic');
  say('  v2 is ready; active: v1');
}

async function compare(client: DemoClient, story: Story): Promise<void> {
  step('Compare them: on the season neither was trained on, and on the next game');
  const found = await client.search({ model_id, order_by: 'metric:log_loss asc' });
  for (const { version, metrics } of found.models)
    say(
      `  ${version}   accuracy ${percent(metrics.accuracy ?? 0)}   log loss ${(metrics.log_loss ?? 0).toFixed(4)}`,
    );
  require(found.models[0]?.version === 'v2', 'v2 is not the better one');
  const inputs = story.tonight.slice(0, 1).map((row) => featuresOf(story, row));
  const [one, two] = await Promise.all(
    ['v1', 'v2'].map((version) => client.predict({ model_id, version, inputs })),
  );
  require(one?.route === 'pinned' && one.version === 'v1' && two?.version === 'v2', 'pinning did not work');
  const chance = (answer: typeof one) => percent(answer?.predictions[0]?.probabilities?.home_win ?? 0);
  say(
    `  ${story.tonight[0]?.away_team} at ${story.tonight[0]?.home_team}: v1 says ${chance(one)}, v2 says ${chance(two)}`,
  );
}

async function switchOver(client: DemoClient): Promise<void> {
  step('Switch: v2 to production with the traffic, v1 archived, in one transaction');
  await client.call('promote_model', { model_id, version: 'v2', target_stage: 'staging' });
  const preview = await client.call('promote_model', {
    model_id,
    version: 'v2',
    target_stage: 'production',
    activate: true,
    dry_run: true,
  });
  require(preview.applied === false, 'the preview changed something');
  const switched = await client.call('promote_model', {
    model_id,
    version: 'v2',
    target_stage: 'production',
    activate: true,
    reason: 'lower log loss on the held-out season',
  });
  require(JSON.stringify(switched.archived) === '["v1"]', 'v1 was not archived');
  say(`  v2 is in production and active; archived: v1`);
  say(`  undo: ${switched.undo}`);
}

/** How many rows a call carries: predict takes up to 1 000. */
const rowsPerCall = 410;

/** @returns the games' prediction ids, in their order */
async function playSeason(client: DemoClient, story: Story): Promise<string[]> {
  step(`A season of traffic: ${story.season.length} games through predict`);
  const started = performance.now();
  const ids: string[] = [];
  for (let start = 0; start < story.season.length; start += rowsPerCall) {
    const games = story.season.slice(start, start + rowsPerCall);
    const answer = await client.predict({ model_id, inputs: games.map((row) => featuresOf(story, row)) });
    require(answer.version === 'v2' && answer.route === 'active', 'another version answered');
    ids.push(...answer.predictions.map(({ prediction_id }) => prediction_id));
  }
  say(`  ${Math.round(performance.now() - started)} ms, every prediction with an id`);
  return ids;
}

async function settleSeason(client: DemoClient, story: Story, ids: readonly string[]): Promise<void> {
  step('The (simulated) results come in: record_outcomes, get_performance');
  const outcomes = story.season.map(({ actual }, index) => ({ prediction_id: ids[index], actual }));
  const recorded = await client.call('record_outcomes', { model_id, outcomes });
  require(recorded.matched === story.season.length, 'not every outcome was recorded');
  const { metrics } = await client.performance({ model_id, window_hours: 1 });
  for (const name of ['accuracy', 'log_loss', 'roc_auc']) {
    const { value, interval } = metrics[name] ?? {};
    require(typeof value === 'number' && Array.isArray(interval), `${name} is missing`);
    const [low = 0, high = 0] = interval;
    say(`  ${name.padEnd(9)} ${value.toFixed(3)}   95 % interval ${low.toFixed(3)} to ${high.toFixed(3)}`);
  }
  require((metrics.accuracy?.value ?? 0) > 0.55, 'the model is no better than chance');
}

async function watchDrift(client: DemoClient, story: Story): Promise<void> {
  step('Drift: the logged season against the training data');
  await client.call('set_reference_data', { model_id, path: join(example, 'reference.csv') });
  const calm = await client.drift({ model_id, window_hours: 1 });
  say(`  ${calm.window.rows} logged rows: ${calm.recommendation}`);
  require(!calm.is_drift, 'drift was found where there is none');

  step('Drift: a faster league on a tighter schedule (+8 points a game, one rest day fewer)');
  const shifted = story.season.map((row) => faster(featuresOf(story, row)));
  const found = await client.drift({ model_id, current_data: shifted });
  for (const result of found.results.filter((one) => one.is_drift).slice(0, 8))
    say(
      `  ${result.feature.padEnd(28)} D ${result.score?.toFixed(3)}   median ${result.reference_median?.toFixed(1)} → ${result.current_median?.toFixed(1)}`,
    );
  say(`  ${found.recommendation}`);
  require(found.is_drift && found.drifted_features.includes('home_points_last10'), 'the shift was not found');
}

async function checkHealth(client: DemoClient): Promise<number> {
  step('Health');
  const health = await client.health({});
  for (const model of health.models)
    say(
      `  ${model.model_id} ${model.version} (${model.stage}${model.active ? ', active' : ''}): ${model.status}, ${model.request_count} calls, ${model.error_count} errors, p50 ${model.latency_ms.p50} ms`,
    );
  require(health.status === 'healthy', `the server is ${health.status}`);
  return health.models.find((model) => model.version === 'v2')?.request_count ?? 0;
}

async function checkRestart(client: DemoClient, callsBefore: number): Promise<void> {
  step('Restart the server: is everything still there?');
  const model = await client.call('get_model', { model_id });
  require(JSON.stringify(model.traffic).includes('"active_version":"v2"'), 'the traffic is not on v2');
  const health = await client.health({ model_id });
  const calls = health.models.find(({ version }) => version === 'v2')?.request_count;
  require(calls === callsBefore, `the log has ${calls} calls instead of ${callsBefore}`);
  say(
    `  v2 is active, its ${calls} calls are in the log, the stage history has ${historyLength(model)} entries`,
  );
}

function historyLength(model: Record<string, unknown>): number {
  return Array.isArray(model.stage_history) ? model.stage_history.length : 0;
}

function featuresOf(story: Story, row: Row): Features {
  return Object.fromEntries(story.featureNames.map((name) => [name, Number(row[name])]));
}

/** The plausible shift of the model card: +8 points for and against, one rest day fewer. */
function faster(features: Features): Features {
  const shifted = { ...features };
  for (const [name, value] of Object.entries(features)) {
    if (name.includes('_points_')) shifted[name] = value + 8;
    if (!name.endsWith('_rest_days')) continue;
    shifted[name] = Math.max(value - 1, 0);
    shifted[name.replace('rest_days', 'back_to_back')] = value <= 1 ? 1 : 0;
  }
  return shifted;
}

let steps = 0;

function step(title: string): void {
  steps++;
  say(`\n${steps}. ${title}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function bar(share: number): string {
  return '█'.repeat(Math.round(share * 20)).padEnd(20, '·');
}

function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
