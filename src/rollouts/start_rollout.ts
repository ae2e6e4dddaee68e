import { uuidv7 } from 'uuidv7';
import { type Approvals, approvedBy, type Call, type ChangePlan } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import { changeModel } from '../access/change_model.ts';
import { clientOf, nameOf } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { comparableMetricsOf } from '../monitoring/performance/index.ts';
import { listedClasses } from '../registry/actual_value.ts';
import { findVersion } from '../registry/lookup.ts';
import { describeShares, type GuardedStanding, readStanding } from '../registry/standing.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Route } from '../serving/routing.ts';
import { readRoute } from '../serving/stored_route.ts';
import { type Database, isUniqueViolation } from '../storage/database.ts';
import { gatesAhead } from './gates_ahead.ts';
import { makePlan, type PlanChoices, type RolloutPlan } from './plan.ts';
import { findRollout, openStates, type Rollout, rolloutOf, type StoredProgress } from './rollout_store.ts';

export interface RolloutRequest {
  modelId: string;
  version: string;
  choices: PlanChoices;
  dryRun: boolean;
  reason: string | undefined;
}

/** A rollout that was started, or would be. */
export interface StartedRollout {
  /** undefined: a dry run. */
  rollout: Rollout | undefined;
  plan: RolloutPlan;
  version: string;
  incumbent: string | undefined;
  /** What will hold it, as far as that is known. */
  warnings: string[];
}

/**
 * Starts a rollout of a version: writes its plan; the next look of any server begins it.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT where there is nothing to compare it with or one runs already,
 *   SIGNATURE_MISMATCH where it takes other features, ILLEGAL_TRANSITION where it is archived, APPROVAL_REQUIRED where the client's person is asked and does not agree
 */
export async function startRollout(
  dependencies: { database: Database; clock: () => number; approvals: Approvals },
  { modelId, version: name, choices, dryRun, reason }: RolloutRequest,
  call: Call,
): Promise<StartedRollout> {
  const { database, approvals } = dependencies;
  const { origin } = call;
  requireSensible(choices);
  const record = await findVersion(database, modelId, name);
  requireNotArchived(record);
  requireMetrics(record, choices.metrics);
  const { version } = record;
  const route = await readRoute(database, modelId);
  const incumbent = incumbentOf(modelId, version, route);
  if (incumbent !== undefined) requireSameFeatures(record, await findVersion(database, modelId, incumbent));
  // Without an incumbent there is nothing to compare with: it is simply deployed.
  const plan = makePlan(
    incumbent === undefined
      ? { ...choices, backtest: false, shadow: false, shares: [1], leastSeconds: 0, leastCalls: 0 }
      : choices,
  );
  await requireNoOther(database, modelId);
  const approver = approvals.approverOf(call);
  const wanted = planOf(record, choices, await readStanding(database, modelId));
  const needed = approver.needs(wanted.change);
  const warnings = [
    ...(choices.promote ? await gatesAhead(database, record, dependencies.clock()) : []),
    ...(needed === 'person'
      ? [
          'Steps forward that change who answers wait for a person, by id in get_rollout; going back does not.',
        ]
      : []),
  ];
  if (dryRun) return { rollout: undefined, plan, version, incumbent, warnings };
  // Later nobody is there to be asked, so the person at the client is asked for all of it now.
  const approval = needed === 'client' ? await approver.obtain(wanted) : undefined;
  const rolloutId = uuidv7();
  try {
    await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
      const now = await readRoute(transaction, modelId);
      if (incumbentOf(modelId, version, now) !== incumbent)
        throw new ModelYardError(
          'INVALID_INPUT',
          `The traffic of ${modelId} was changed meanwhile.`,
          'Call start_rollout again.',
        );
      await approval?.use(transaction, at);
      await transaction
        .insertInto('rollouts')
        .values({
          rollout_id: rolloutId,
          model_id: modelId,
          version,
          incumbent: incumbent ?? null,
          state: 'running',
          plan: JSON.stringify(plan),
          reason: reason ?? null,
          started_at: at,
          started_by: nameOf(origin.caller),
          role: origin.caller.role,
          client: clientOf(origin.caller) ?? null,
          ended_at: null,
          step: 0,
          step_began_at: at,
          ran_ms: 0,
          // The next look is due at once.
          looked_at: 0,
          sequence: 0,
          progress: JSON.stringify(await firstProgress(transaction, modelId, now)),
        })
        .execute();
      return {
        result: undefined,
        before: undefined,
        after: { rollout: rolloutId, incumbent, state: 'running', ...(approval && approvedBy(approval)) },
      };
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    await requireNoOther(database, modelId);
    throw error;
  }
  return { rollout: await findRollout(database, { rolloutId }), plan, version, incumbent, warnings };
}

/** @throws INVALID_INPUT where a plan contradicts itself */
function requireSensible({ shares, leastSeconds, longestSeconds }: PlanChoices): void {
  if (leastSeconds > longestSeconds)
    throw new ModelYardError(
      'INVALID_INPUT',
      `plan.least_s=${leastSeconds} is more than longest_s=${longestSeconds}: every step would be held.`,
      'Give a longest_s that is longer than least_s.',
    );
  if (shares.some((share, index) => index > 0 && share <= (shares[index - 1] ?? 0)))
    throw new ModelYardError(
      'INVALID_INPUT',
      `plan.shares=${JSON.stringify(shares)} do not rise from each to the next.`,
      'Give them in rising order, such as [0.05, 0.25, 0.5, 1].',
    );
}

/**
 * A caller does not know which version answers: a record that fits the one is refused by another that has other
 * features, as the caller's fault, which nothing counts against a version.
 * @throws SIGNATURE_MISMATCH
 */
function requireSameFeatures(candidate: VersionRecord, incumbent: VersionRecord): void {
  const [own, theirs] = [candidate, incumbent].map(({ signature }) =>
    signature.features.map(({ name }) => name),
  );
  const isSame = (one: readonly string[] = [], other: readonly string[] = []) =>
    one.every((name) => other.includes(name));
  if (isSame(own, theirs) && isSame(theirs, own)) return;
  const listed = (names: readonly string[] = []) =>
    names.length === 0
      ? 'no named features'
      : `${names.slice(0, 20).join(', ')}${names.length > 20 ? ' …' : ''}`;
  throw new ModelYardError(
    'SIGNATURE_MISMATCH',
    `${candidate.modelId} ${candidate.version} takes ${listed(own)}, and ${incumbent.version}, which callers call now, ${listed(theirs)}: records fit one of them only.`,
    'Register the version with the same feature_names, or serve it as a model of its own; compare_models shows all differences.',
  );
}

/** Outcomes of what the model does not answer would be waited for in vain. @throws INVALID_INPUT */
function requireMetrics(record: VersionRecord, metrics: readonly string[]): void {
  const task = listedClasses(record) === undefined ? 'regression' : 'classification';
  const known: readonly string[] = comparableMetricsOf(task);
  const other = metrics.find((name) => !known.includes(name));
  if (other !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `metrics names ${other}, but ${record.modelId} ${record.version} answers ${task === 'regression' ? 'numbers' : 'classes'}.`,
      `Name some of: ${known.join(', ')}.`,
    );
}

/** @throws ILLEGAL_TRANSITION */
function requireNotArchived({ modelId, version, stage }: VersionRecord): void {
  if (stage !== 'archived') return;
  throw new ModelYardError(
    'ILLEGAL_TRANSITION',
    `${modelId} ${version} is archived, so that it cannot go to production.`,
    'Call promote_model with target_stage=development first.',
  );
}

/** All that a rollout may do, for the person who is asked. */
function planOf(
  { modelId, version }: VersionRecord,
  { promote, shares }: PlanChoices,
  { standing, productionWantsPerson }: GuardedStanding,
): ChangePlan {
  const after = {
    production: promote ? version : standing.production,
    weights: [[version, 1] as const],
  };
  return {
    modelId,
    summary: [
      `Version ${version} of model ${modelId} is rolled out by itself: step by step it gets all calls${promote ? ' and goes to production' : ''}, where evidence rules harm out.`,
      `Now they go to ${describeShares(standing)}.`,
    ],
    change: { ...untouched(standing), after, productionWantsPerson },
    facts: { version, production: standing.production ?? null, traffic: standing.weights, shares, promote },
  };
}

async function firstProgress(
  database: Database,
  modelId: string,
  route: Route | undefined,
): Promise<StoredProgress> {
  const { standing } = await readStanding(database, modelId);
  const row = await database
    .selectFrom('routes')
    .select('changed_at')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return {
    shown: {},
    strata: [],
    findings: [],
    waiting: '',
    expectedMs: null,
    calls: { candidate: 0, incumbent: 0 },
    routeSetAt: row?.changed_at ?? null,
    production: standing.production ?? null,
    sticky: route?.sticky ?? true,
    shadow: route?.shadowVersion ?? null,
  };
}

/** The version that has all calls; undefined where none has. @throws INVALID_INPUT where several share them */
function incumbentOf(modelId: string, version: string, route: Route | undefined): string | undefined {
  const weighted = (route?.weights ?? []).filter(([, weight]) => weight > 0);
  const [first, second] = weighted;
  if (first === undefined) return undefined;
  if (second !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The calls of ${modelId} are shared by ${weighted.map(([name]) => name).join(', ')}: there is no one version to replace.`,
      'Give one version all calls with set_traffic, then start the rollout.',
    );
  if (first[0] === version)
    throw new ModelYardError(
      'INVALID_INPUT',
      `Version ${version} of ${modelId} has all calls already.`,
      'Name the version that is to replace it; promote_model moves its stage.',
    );
  return first[0];
}

async function requireNoOther(database: Database, modelId: string): Promise<void> {
  const other = await database
    .selectFrom('rollouts')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('state', 'in', openStates)
    .executeTakeFirst();
  if (other === undefined) return;
  const { rolloutId, version, state } = rolloutOf(other);
  throw new ModelYardError(
    'INVALID_INPUT',
    `A rollout of ${modelId} ${version} is ${state} already: ${rolloutId}.`,
    'See get_rollout; control_rollout abort ends it.',
  );
}
