/**
 * The whole life of a model in a minute: the NBA home-win model is deployed, asked, promoted, replaced and
 * watched, by a real MCP client that starts the built server over stdio. Every step checks what it got.
 */
import { type Client, inTemporaryStore } from '../client.ts';
import { bar, percent, require, say } from '../say.ts';
import { type Example, faster, nbaFile, readExample } from './games.ts';

const model_id = 'nba-home-win';

/** @returns the exit code: 0 when every step was right. */
export async function runDemo(): Promise<number> {
  try {
    await inTemporaryStore(async (connect) => {
      const client = await connect();
      say('ModelYard demo: an NBA home-win model, from file to watched production.\n');
      const example = await readExample();
      await deployFirst(client, example);
      await predictTonight(client, example);
      await promote(client);
      await deploySecond(client, example);
      await compare(client, example);
      await switchOver(client);
      const games = await playSeason(client, example);
      await settleSeason(client, example, games);
      await watchDrift(client, example);
      const before = await checkHealth(client);
      await client.close();
      await checkRestart(await connect(), before);
      say('\nEvery step did what it should. Now try it with your own model: see README.md.');
    });
    return 0;
  } catch (error) {
    say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function deployFirst(client: Client, example: Example): Promise<void> {
  step('Deploy version 1 (registers, verifies, loads, warms, serves)');
  const deployed = await client.call('deploy_model', {
    model_id,
    version: 'v1',
    ...example.versions.v1,
  });
  require(deployed.status === 'ready' && deployed.active === true, 'v1 is not active');
  say(`  v1 is ready and active, in stage ${deployed.stage}; loaded in ${deployed.load_ms} ms`);
}

async function predictTonight(client: Client, example: Example): Promise<void> {
  step("Predict tonight's games");
  const answer = await client.call('predict', {
    model_id,
    inputs: example.tonight.map((row) => row.features),
  });
  require(answer.predictions.length === example.tonight.length, 'not every game was answered');
  example.tonight.forEach((game, index) => {
    const home = answer.predictions[index]?.probabilities?.home_win;
    require(home !== undefined && home > 0 && home < 1, 'a probability is missing');
    say(`  ${game.away} at ${game.home}   home win ${percent(home)} ${bar(home)}`);
  });
}

async function promote(client: Client): Promise<void> {
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

async function deploySecond(client: Client, example: Example): Promise<void> {
  step('Deploy version 2 beside it (v1 keeps the traffic)');
  const deployed = await client.call('deploy_model', {
    model_id,
    version: 'v2',
    ...example.versions.v2,
    set_active: false,
    parent_version: 'v1',
  });
  require(deployed.active === false && deployed.previous_active === 'v1', 'v2 took the traffic');
  say('  v2 is ready; active: v1');
}

async function compare(client: Client, example: Example): Promise<void> {
  step('Compare them: on the season neither was trained on, and on the next game');
  const found = await client.call('search_models', { model_id, order_by: 'metric:log_loss asc' });
  for (const { version, metrics } of found.models)
    say(
      `  ${version}   accuracy ${percent(metrics.accuracy ?? 0)}   log loss ${(metrics.log_loss ?? 0).toFixed(4)}`,
    );
  require(found.models[0]?.version === 'v2', 'v2 is not the better one');
  const inputs = example.tonight.slice(0, 1).map((row) => row.features);
  const [one, two] = await Promise.all(
    ['v1', 'v2'].map((version) => client.call('predict', { model_id, version, inputs })),
  );
  require(one?.route === 'pinned' && one.version === 'v1' && two?.version === 'v2', 'pinning did not work');
  const chance = (answer: typeof one) => percent(answer?.predictions[0]?.probabilities?.home_win ?? 0);
  say(
    `  ${example.tonight[0]?.away} at ${example.tonight[0]?.home}: v1 says ${chance(one)}, v2 says ${chance(two)}`,
  );
}

async function switchOver(client: Client): Promise<void> {
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
async function playSeason(client: Client, example: Example): Promise<string[]> {
  step(`A season of traffic: ${example.season.length} games through predict`);
  const started = performance.now();
  const ids: string[] = [];
  for (let start = 0; start < example.season.length; start += rowsPerCall) {
    const games = example.season.slice(start, start + rowsPerCall);
    const answer = await client.call('predict', { model_id, inputs: games.map((row) => row.features) });
    require(answer.version === 'v2' && answer.route === 'active', 'another version answered');
    ids.push(...answer.predictions.map(({ prediction_id }) => prediction_id));
  }
  say(`  ${Math.round(performance.now() - started)} ms, every prediction with an id`);
  return ids;
}

async function settleSeason(client: Client, example: Example, ids: readonly string[]): Promise<void> {
  step('The (simulated) results come in: record_outcomes, get_performance');
  const outcomes = example.season.map(({ actual }, index) => ({ prediction_id: ids[index], actual }));
  const recorded = await client.call('record_outcomes', { model_id, outcomes });
  require(recorded.matched === example.season.length, 'not every outcome was recorded');
  const { metrics } = await client.call('get_performance', { model_id, window_hours: 1 });
  for (const name of ['accuracy', 'log_loss', 'roc_auc']) {
    const { value, interval } = metrics[name] ?? {};
    require(typeof value === 'number' && Array.isArray(interval), `${name} is missing`);
    const [low = 0, high = 0] = interval;
    say(`  ${name.padEnd(9)} ${value.toFixed(3)}   95 % interval ${low.toFixed(3)} to ${high.toFixed(3)}`);
  }
  require((metrics.accuracy?.value ?? 0) > 0.55, 'the model is no better than chance');
}

async function watchDrift(client: Client, example: Example): Promise<void> {
  step('Drift: the logged season against the training data');
  await client.call('set_reference_data', { model_id, path: nbaFile('reference.csv') });
  const calm = await client.call('detect_drift', { model_id, window_hours: 1 });
  say(`  ${calm.window.rows} logged rows: ${calm.recommendation}`);
  require(!calm.is_drift, 'drift was found where there is none');

  step('Drift: a faster league on a tighter schedule (+8 points a game, one rest day fewer)');
  const shifted = example.season.map((row) => faster(row.features));
  const found = await client.call('detect_drift', { model_id, current_data: shifted });
  for (const result of found.results.filter((one) => one.is_drift).slice(0, 8))
    say(
      `  ${result.feature.padEnd(28)} D ${result.score?.toFixed(3)}   median ${result.reference_median?.toFixed(1)} → ${result.current_median?.toFixed(1)}`,
    );
  say(`  ${found.recommendation}`);
  require(found.is_drift && found.drifted_features.includes('home_points_last10'), 'the shift was not found');
}

async function checkHealth(client: Client): Promise<number> {
  step('Health');
  const health = await client.call('health_check');
  for (const model of health.models)
    say(
      `  ${model.model_id} ${model.version} (${model.stage}${model.active ? ', active' : ''}): ${model.status}, ${model.request_count} calls, ${model.error_count} errors, p50 ${model.latency_ms.p50} ms`,
    );
  require(health.status === 'healthy', `the server is ${health.status}`);
  return health.models.find((model) => model.version === 'v2')?.request_count ?? 0;
}

async function checkRestart(client: Client, callsBefore: number): Promise<void> {
  step('Restart the server: is everything still there?');
  const model = await client.call('get_model', { model_id });
  require(JSON.stringify(model.traffic).includes('"active_version":"v2"'), 'the traffic is not on v2');
  const health = await client.call('health_check', { model_id });
  const calls = health.models.find(({ version }) => version === 'v2')?.request_count;
  require(calls === callsBefore, `the log has ${calls} calls instead of ${callsBefore}`);
  say(
    `  v2 is active, its ${calls} calls are in the log, the stage history has ${model.stage_history.length} entries`,
  );
}

let steps = 0;

function step(title: string): void {
  steps++;
  say(`\n${steps}. ${title}`);
}
