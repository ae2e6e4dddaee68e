import { type Connect, refusal } from './client.ts';
import { readExample } from './nba/games.ts';
import { require, say } from './say.ts';

const model_id = 'nba-home-win';

/** A version goes to production through gates and a canary, and comes back. */
export async function productionDeployment(connect: Connect): Promise<void> {
  const { versions, season } = await readExample();

  say('An administrator says what production asks of a version.');
  const admin = await connect({ MODELYARD_ROLE: 'admin' });
  await admin.call('deploy_model', { model_id, version: '1', ...versions.v1 });
  await admin.call('promote_model', { model_id, version: '1', target_stage: 'production' });
  const production = {
    not_worse_than_incumbent: { log_loss: 0.005 },
    signature: true,
    probe: true,
    require_staging: true,
  };
  await admin.call('update_model', { model_id, gates: { production } });
  await admin.close();
  say(`  version 1 is in production; gates: ${Object.keys(production).join(', ')}`);

  say('\nVersion 2 is deployed beside it: no caller notices.');
  const client = await connect();
  await client.call('deploy_model', {
    model_id,
    version: '2',
    ...versions.v2,
    parent_version: '1',
    set_active: false,
    probe: { inputs: season.slice(0, 1).map(({ features }) => features) },
  });
  const tooEarly = { model_id, version: '2', target_stage: 'production' };
  say(`  ${await refusal(client.call('promote_model', tooEarly))}`);

  say('\nStaging, and a canary of a tenth of the calls.');
  await client.call('promote_model', { model_id, version: '2', target_stage: 'staging' });
  await client.call('set_traffic', { model_id, weights: { 1: 0.9, 2: 0.1 } });
  const served = { '1': 0, '2': 0 };
  for (const [index, { features }] of season.slice(0, 200).entries()) {
    const { version } = await client.call('predict', {
      model_id,
      inputs: [features],
      entity_key: `visitor ${index}`,
    });
    served[version === '2' ? '2' : '1'] += 1;
  }
  say(`  version 1 answered ${served['1']} calls, version 2 ${served['2']}`);
  const canary = await client.call('health_check', { model_id });
  for (const { version, status, error_count } of canary.models)
    say(`  version ${version}: ${status}, ${error_count} errors`);

  say('\nProduction: first a preview, then one transaction moves stage and traffic.');
  const promotion = { ...tooEarly, activate: true, reason: 'lower log loss, canary without errors' };
  const preview = await client.call('promote_model', { ...promotion, dry_run: true });
  for (const { name, passed } of preview.gates) say(`  gate ${name}: ${passed ? 'passed' : 'failed'}`);
  const promoted = await client.call('promote_model', promotion);
  require(promoted.applied, 'it was not promoted');
  say(`  version 2 is in production with all calls; archived: ${promoted.archived.join(', ')}`);

  say('\nBack again, if it has to be: one call.');
  const back = await client.call('rollback_model', { model_id, reason: 'a drill' });
  const { traffic, stage_history } = await client.call('get_model', {
    model_id,
    response_format: 'detailed',
  });
  require(traffic.active_version === '1', 'the traffic did not come back');
  say(`  in production: version ${back.to_version}; calls go to version ${traffic.active_version}`);
  for (const { version, from_stage, to_stage } of stage_history.toReversed())
    say(`  history: version ${version} ${from_stage} → ${to_stage}`);
}
