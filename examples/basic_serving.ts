import { type Connect, refusal } from './client.ts';
import { readExample } from './nba/games.ts';
import { bar, percent, require, say } from './say.ts';

const model_id = 'nba-home-win';

/** From a file to answers: deploy, predict, a call that is refused, health. */
export async function basicServing(connect: Connect): Promise<void> {
  const client = await connect();
  const { versions, tonight } = await readExample();
  const inputs = tonight.map(({ features }) => features);

  say('Deploy: register, load, warm, try with a probe, then serve.');
  const deployed = await client.call('deploy_model', {
    model_id,
    version: '1',
    ...versions.v2,
    probe: { inputs: inputs.slice(0, 1), expect: ['home_win'] },
  });
  require(deployed.status === 'ready' && deployed.active, 'it is not active');
  say(`  ${model_id} ${deployed.version} is ${deployed.status}, in stage ${deployed.stage}`);
  say(
    `  it takes ${deployed.signature.features.length} features: ${deployed.signature.features[0]?.name}, …`,
  );

  say('\nPredict: every answer has an id, under which it is in the log.');
  const answer = await client.call('predict', { model_id, inputs });
  for (const [index, { home, away }] of tonight.entries()) {
    const { value, probabilities, prediction_id } = answer.predictions[index] ?? {};
    const chance = probabilities?.home_win ?? Number.NaN;
    say(`  ${away} at ${home}  ${percent(chance)} ${bar(chance)} ${value}  ${prediction_id}`);
  }

  say('\nA call that does not fit is refused, and says what would.');
  say(
    `  ${await refusal(client.call('predict', { model_id, inputs: [{ ...inputs[0], home_rest_days: 'two' }] }))}`,
  );

  say('\nHealth: the refused call is nobody’s failure.');
  const health = await client.call('health_check', { model_id });
  const [model] = health.models;
  require(model !== undefined && model.error_count === 0, 'a client’s mistake was counted as an error');
  say(
    `  ${health.status}; ${model.request_count} call answered, ${model.error_count} errors, circuit breaker ${model.circuit_breaker.state}`,
  );
}
