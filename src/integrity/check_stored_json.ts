import type { Kysely } from 'kysely';
import { messageOf } from '../errors.ts';
import { readProfile } from '../monitoring/reference.ts';
import { gatePolicySchema } from '../registry/gate_policy.ts';
import { parseProbe } from '../serving/probe.ts';
import { parseWeights } from '../serving/served_models.ts';
import type { Tables } from '../storage/schema.ts';
import { fromBackup, problem, type Report } from './finding.ts';

/**
 * What is stored as JSON can be read, and routes lead to what is deployed.
 * @returns how many references there are
 */
export async function checkStoredJson(snapshot: Kysely<Tables>, report: Report): Promise<number> {
  const read = (what: string, parse: () => unknown) => {
    try {
      parse();
    } catch (error) {
      report(problem(`${what} cannot be read: ${messageOf(error).slice(0, 200)}`, fromBackup));
    }
  };
  const deployments = await snapshot
    .selectFrom('deployments')
    .select(['model_id', 'version', 'probe'])
    .execute();
  for (const { model_id, version, probe } of deployments)
    if (probe !== null) read(`the probe of ${model_id} ${version}`, () => parseProbe(probe));
  for (const { model_id, stage, policy } of await snapshot.selectFrom('gate_policies').selectAll().execute())
    read(`the gate policy of ${model_id} for ${stage}`, () => gatePolicySchema.parse(JSON.parse(policy)));

  const deployed = new Set(deployments.map(({ model_id, version }) => `${model_id}@${version}`));
  for (const route of await snapshot.selectFrom('routes').selectAll().execute())
    read(`the route of ${route.model_id}`, () => {
      const versions = parseWeights(route.weights).map(([version]) => version);
      for (const version of [route.active_version, ...versions, route.shadow_version])
        if (version !== null && !deployed.has(`${route.model_id}@${version}`))
          report(
            problem(
              `the route of ${route.model_id} leads to ${version}, which is not deployed`,
              'Deploy that version, or call set_traffic with versions that are deployed.',
            ),
          );
    });
  return checkProfiles(snapshot, read);
}

/** One at a time: a profile may be of many megabytes. */
async function checkProfiles(
  snapshot: Kysely<Tables>,
  read: (what: string, parse: () => unknown) => void,
): Promise<number> {
  const references = await snapshot
    .selectFrom('references')
    .select(['reference_id', 'model_id', 'version'])
    .execute();
  for (const { reference_id, model_id, version } of references) {
    const { profile } = await snapshot
      .selectFrom('references')
      .select('profile')
      .where('reference_id', '=', reference_id)
      .executeTakeFirstOrThrow();
    // Of a reference in typed columns it is empty.
    if (profile !== '') read(`the reference data of ${model_id} ${version}`, () => readProfile(profile));
  }
  return references.length;
}
