import type { Kysely } from 'kysely';
import { readRequest } from '../access/approval_requests.ts';
import { readStreamRow } from '../change_detectors/index.ts';
import { messageOf } from '../errors.ts';
import { parseMemory } from '../mlflow/agreement.ts';
import { readFound } from '../monitoring/alerts/index.ts';
import { readCounts } from '../monitoring/reference/reference.ts';
import { parseGatePolicy } from '../registry/gate_policy.ts';
import { parseTags } from '../registry/update.ts';
import { rolloutOf } from '../rollouts/rollout_store.ts';
import { parseSizes } from '../serving/deployed_version.ts';
import { parseProbe } from '../serving/probe.ts';
import { routeOf } from '../serving/stored_route.ts';
import type { Tables } from '../storage/schema.ts';
import { fromBackup, problem, type Report } from './finding.ts';

/**
 * What is stored as JSON can be read, and routes lead to what is deployed.
 * @returns how many references there are
 */
export async function checkStoredJson(snapshot: Kysely<Tables>, report: Report): Promise<number> {
  const read = (parse: () => unknown, of = '') => {
    try {
      parse();
    } catch (error) {
      const message = messageOf(error).replace(/\.$/, '').slice(0, 400);
      report(problem(`${of}${message.slice(0, 1).toLowerCase()}${message.slice(1)}`, fromBackup));
    }
  };
  for (const { model_id, tags } of await snapshot.selectFrom('models').select(['model_id', 'tags']).execute())
    read(() => parseTags(model_id, tags));
  const deployments = await snapshot
    .selectFrom('deployments')
    .select(['model_id', 'version', 'probe', 'input_sizes'])
    .execute();
  for (const row of deployments) {
    const { probe } = row;
    if (probe !== null) read(() => parseProbe({ ...row, probe }));
    read(() => parseSizes(row));
  }
  for (const row of await snapshot.selectFrom('gate_policies').selectAll().execute())
    read(() => parseGatePolicy(row));
  for (const row of await snapshot
    .selectFrom('approvals')
    .selectAll()
    .where('kind', '=', 'request')
    .execute())
    read(() => readRequest(row, 0));
  for (const row of await snapshot.selectFrom('alerts').select(['alert_id', 'rules', 'facts']).execute())
    read(() => readFound(row));
  for (const row of await snapshot.selectFrom('online_streams').selectAll().execute())
    read(() => readStreamRow(row));
  for (const row of await snapshot.selectFrom('rollouts').selectAll().execute()) read(() => rolloutOf(row));
  for (const { model_id, memory } of await snapshot
    .selectFrom('mlflow_sync')
    .select(['model_id', 'memory'])
    .execute())
    read(() => parseMemory(model_id, memory));

  const deployed = new Set(deployments.map(({ model_id, version }) => `${model_id}@${version}`));
  for (const route of await snapshot.selectFrom('routes').selectAll().execute())
    read(() => {
      const versions = routeOf(route).weights.map(([version]) => version);
      for (const version of [route.active_version, ...versions, route.shadow_version])
        if (version !== null && !deployed.has(`${route.model_id}@${version}`))
          report(
            problem(
              `the route of ${route.model_id} leads to ${version}, which is not deployed`,
              'Deploy that version, or call set_traffic with versions that are deployed.',
            ),
          );
    });
  for (const { model_id, version, name, facts } of await snapshot
    .selectFrom('reference_columns')
    .innerJoin('references', 'references.reference_id', 'reference_columns.reference_id')
    .select(['model_id', 'version', 'name', 'facts'])
    .execute())
    read(() => readCounts(name, facts), `${model_id} ${version}: `);
  const { count } = await snapshot
    .selectFrom('references')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}
