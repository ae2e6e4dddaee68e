import type { Connect } from './client.ts';
import { faster, nbaFile, readExample } from './nba/games.ts';
import { percent, require, say } from './say.ts';

const model_id = 'nba-home-win';
/** Rows of a predict call: up to 1 000. */
const rowsPerCall = 410;

/** What comes in, compared with what the model was trained on: nothing, a change of the world, a broken pipeline. */
export async function driftDetection(connect: Connect): Promise<void> {
  const client = await connect();
  const { versions, season } = await readExample();
  const games = season.map(({ features }) => features);
  await client.call('deploy_model', { model_id, version: '1', ...versions.v2 });

  say('The reference: rows like those the model was trained on.');
  const reference = await client.call('set_reference_data', { model_id, path: nbaFile('reference.csv') });
  say(`  ${reference.rows} rows, ${reference.features.length} features`);

  say('\nA season of calls. The log is compared with the reference.');
  for (let start = 0; start < games.length; start += rowsPerCall)
    await client.call('predict', { model_id, inputs: games.slice(start, start + rowsPerCall) });
  const calm = await client.call('detect_drift', { model_id, window_hours: 1 });
  require(!calm.is_drift, 'drift was found where there is none');
  say(`  ${calm.window.rows} rows: ${calm.recommendation}`);

  say('\nA faster league on a tighter schedule, as rows of the call.');
  const found = await client.call('detect_drift', { model_id, current_data: games.map(faster) });
  require(found.is_drift, 'the shift was not found');
  for (const { feature, score, severity, reference_median, current_median } of found.results.filter(
    ({ is_drift }) => is_drift,
  ))
    say(
      `  ${feature.padEnd(28)} D ${score?.toFixed(2)} ${severity.padEnd(8)} median ${reference_median?.toFixed(1)} → ${current_median?.toFixed(1)}`,
    );
  say(`  ${found.recommendation}`);

  say('\nA join that lost its table: of every fifth game a rating is missing.');
  const broken = games.map((game, index) =>
    index % 5 === 0 ? { ...game, net_rating_difference: null } : game,
  );
  const data = await client.call('detect_drift', { model_id, current_data: broken });
  for (const { feature, cause, severity, current_missing } of data.results.filter(({ is_drift }) => is_drift))
    say(
      `  ${feature.padEnd(28)} cause: ${cause}, ${percent(current_missing)} of its values, severity ${severity}`,
    );
  say(`  ${data.recommendation}`);
}
