import type { Connect } from './client.ts';
import { readExample } from './nba/games.ts';
import { percent, require, say } from './say.ts';

const model_id = 'nba-home-win';
/** Calls that are under way at once. */
const atOnce = 30;

/** Three versions share the traffic; outcomes say which is better, and only as far as they can. */
export async function abTesting(connect: Connect): Promise<void> {
  const client = await connect();
  const { versions, season } = await readExample();

  say('Deploy version 1, beside it 2, and 3: version 2 with its classes the wrong way round.');
  await client.call('deploy_model', { model_id, version: '1', ...versions.v1 });
  await client.call('deploy_model', { model_id, version: '2', ...versions.v2, set_active: false });
  const class_labels = ['home_win', 'away_win'];
  await client.call('deploy_model', {
    model_id,
    version: '3',
    ...versions.v2,
    class_labels,
    set_active: false,
  });

  say('\nShare the traffic. An entity keeps its version.');
  const traffic = await client.call('set_traffic', { model_id, weights: { 1: 0.4, 2: 0.4, 3: 0.2 } });
  say(`  ${JSON.stringify(traffic.current.weights)}, sticky: ${traffic.current.sticky}`);

  say('\nA season of calls, one a game, and what came of them.');
  const ids: string[] = [];
  for (let start = 0; start < season.length; start += atOnce) {
    const games = season.slice(start, start + atOnce);
    const answers = await Promise.all(
      games.map(({ features }, index) =>
        client.call('predict', { model_id, inputs: [features], entity_key: `game ${start + index}` }),
      ),
    );
    ids.push(...answers.flatMap(({ predictions }) => predictions.map(({ prediction_id }) => prediction_id)));
  }
  const outcomes = season.map(({ actual }, index) => ({ prediction_id: ids[index], actual }));
  const { matched } = await client.call('record_outcomes', { model_id, outcomes });
  require(matched === season.length, 'an outcome was lost');
  say(`  ${ids.length} predictions, ${matched} outcomes`);

  say('\nWhich is better? The intervals are valid however often one looks.');
  const { versions: arms = [], comparison } = await client.call('get_performance', {
    model_id,
    by_version: true,
  });
  for (const { version, count, metrics } of arms)
    say(`  version ${version}: ${count} calls, accuracy ${percent(metrics.accuracy?.value ?? 0)}`);
  require(comparison?.sample_ratio.is_mismatch === false, 'calls were not split as the weights say');
  for (const { a, b, verdict, interval } of comparison.verdicts.filter(({ metric }) => metric === 'accuracy'))
    say(
      `  ${a} against ${b}: ${verdict}, accuracy of ${b} minus that of ${a} lies in ${interval?.map((end) => end.toFixed(3)).join(' to ')}`,
    );
  require(comparison.verdicts.some(
    ({ b, verdict }) => b === '3' && verdict === 'a_better',
  ), 'the broken version was not found');

  say('\nThe broken version leaves the traffic; the other two go on until there is a verdict.');
  const after = await client.call('set_traffic', { model_id, weights: { 1: 0.5, 2: 0.5 } });
  say(`  ${JSON.stringify(after.current.weights)}`);
}
