import type { Call } from '../access/approval.ts';
import { type Origin, originOf } from '../access/origin.ts';
import { type Role, roles } from '../access/roles.ts';
import type { Promotion } from '../registry/promotion_facts.ts';
import { readStanding } from '../registry/standing.ts';
import type { TrafficRequest } from '../serving/set_traffic.ts';
import type { Database } from '../storage/database.ts';
import type { RolloutStep } from './plan.ts';
import { Overtaken, type Rollout, type Step, writeDecision } from './rollout_store.ts';

/** What carries a decision out: the same functions as for people, with their gates, approvals and audit trail. */
export interface Actors {
  database: Database;
  clock: () => number;
  setTraffic: (request: TrafficRequest, call: Call) => Promise<unknown>;
  promote: (promotion: Promotion, call: Call) => Promise<unknown>;
}

/** In whose name a rollout acts: who started it. Nobody is there to be asked. */
export function callOf(rollout: Rollout): Call {
  const role: Role = roles.find((known) => known === rollout.role) ?? 'viewer';
  const { rolloutId, modelId, version, client } = rollout;
  const origin: Origin = originOf({ role, readOnly: false, client }, 'start_rollout', {
    rollout_id: rolloutId,
    model_id: modelId,
    version,
  });
  return { origin, ask: undefined };
}

/**
 * Moves the traffic as a step wants it and writes the decision, all in one transaction or nothing.
 *
 * @param to undefined: back to the incumbent alone, for which nobody is waited for
 * @throws Overtaken, APPROVAL_REQUIRED, and what loading a version throws
 */
export async function moveTraffic(
  actors: Actors,
  rollout: Rollout,
  to: RolloutStep | undefined,
  decision: Step,
  call: Call,
): Promise<void> {
  const { modelId, version, incumbent, progress } = rollout;
  // Where nothing served before there is nothing to go back to.
  if (to === undefined && incumbent === undefined) return onlyDecide(actors, rollout, decision);
  const share = to?.share ?? 0;
  const weights =
    incumbent === undefined
      ? { [version]: 1 }
      : share === 0
        ? { [incumbent]: 1 }
        : { [incumbent]: 1 - share, [version]: share };
  const shadowVersion =
    to?.kind === 'shadow' ? version : to === undefined ? await formerShadow(actors, rollout) : undefined;
  await actors.setTraffic(
    {
      modelId,
      weights,
      shadowVersion,
      sticky: progress.sticky,
      restores: to === undefined,
      async alongside(transaction, at) {
        await requireUntouched(transaction, rollout);
        const next = { ...decision, progress: { ...decision.progress, routeSetAt: at } };
        await writeDecision(transaction, rollout, next, at);
      },
    },
    call,
  );
}

/** The shadow that there was before, unless it was retired meanwhile. */
async function formerShadow(
  { database }: Actors,
  { modelId, progress }: Rollout,
): Promise<string | undefined> {
  if (progress.shadow === null) return undefined;
  const row = await database
    .selectFrom('deployments')
    .select('version')
    .where('model_id', '=', modelId)
    .where('version', '=', progress.shadow)
    .executeTakeFirst();
  return row?.version;
}

/** Promotes the candidate to production, with all calls, and writes the decision in the same transaction. */
export async function promoteCandidate(
  { promote }: Actors,
  rollout: Rollout,
  decision: Step,
  call: Call,
): Promise<void> {
  const { modelId, version } = rollout;
  await promote(
    {
      modelId,
      version,
      targetStage: 'production',
      reason: `rollout ${rollout.rolloutId}: ${decision.reason}`.slice(0, 2000),
      dryRun: false,
      force: false,
      activate: true,
      async alongside(transaction, at) {
        await requireUntouched(transaction, rollout);
        const next = { ...decision, progress: { ...decision.progress, production: version, routeSetAt: at } };
        await writeDecision(transaction, rollout, next, at);
      },
    },
    call,
  );
}

/** Writes a decision that moves nothing. @throws Overtaken */
export async function onlyDecide(
  { database, clock }: Actors,
  rollout: Rollout,
  decision: Step,
): Promise<void> {
  await database
    .transaction()
    .execute((transaction) => writeDecision(transaction, rollout, decision, clock()));
}

/** What somebody else changed of what the rollout left; undefined while all is as it left it. */
export async function interference(database: Database, rollout: Rollout): Promise<string | undefined> {
  const { modelId, progress } = rollout;
  const route = await database
    .selectFrom('routes')
    .select(['changed_at', 'changed_by'])
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  if ((route?.changed_at ?? null) !== progress.routeSetAt)
    return `The traffic of ${modelId} was changed by ${route?.changed_by ?? 'somebody'} meanwhile.`;
  const { standing } = await readStanding(database, modelId);
  if ((standing.production ?? null) !== progress.production)
    return `Version ${standing.production ?? 'none'} of ${modelId} went to production meanwhile, where ${progress.production ?? 'none'} was.`;
  return undefined;
}

/** That the candidate was archived, which takes back that it is to serve; undefined where it was not. */
export async function archivedSince(
  database: Database,
  { modelId, version }: Rollout,
): Promise<string | undefined> {
  const row = await database
    .selectFrom('versions')
    .select('stage')
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row?.stage === 'archived' ? `Version ${version} of ${modelId} was archived meanwhile.` : undefined;
}

/** @throws Overtaken */
async function requireUntouched(database: Database, rollout: Rollout): Promise<void> {
  if ((await interference(database, rollout)) !== undefined) throw new Overtaken();
}
