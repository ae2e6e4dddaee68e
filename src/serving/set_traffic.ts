import type { Transaction } from 'kysely';
import { type Approver, approvedBy, type ChangePlan, stillAgreed } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { untilSettled } from '../registry/settled.ts';
import { describeShares, type GuardedStanding, readStanding } from '../registry/standing.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import type { Engine } from './engine/engine.ts';
import type { Route } from './routing.ts';
import { findServed, type ServedModels } from './served_models.ts';
import { readRoute, requireDeployed, writeRoute } from './stored_route.ts';

export interface TrafficDependencies {
  database: Database;
  engine: Engine;
  served: ServedModels;
  clock: () => number;
}

export interface TrafficRequest {
  modelId: string;
  /** By version or alias, as is the shadow. */
  weights: Record<string, number>;
  shadowVersion?: string | undefined;
  sticky: boolean;
  /** Whether a rollout gives the incumbent back the calls that it took from it itself; no tool says so. */
  restores?: boolean | undefined;
  /** What is kept with it, in its transaction, or not at all; it throws where the change must not be made any more. */
  alongside?: ((transaction: Transaction<Tables>, at: number) => Promise<void>) | undefined;
}

/**
 * Sets where a model's calls go: A/B, canary, blue-green switch and shadow are all this. Every version is loaded
 * and warm before any call can reach it; the change is one transaction.
 * @throws INVALID_INPUT, MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, APPROVAL_REQUIRED, and what loading throws
 */
export async function setTraffic(
  dependencies: TrafficDependencies,
  request: TrafficRequest,
  origin: Origin,
  approver: Approver,
): Promise<{ previous: Route | undefined; current: Route; warnings: string[] }> {
  const { database, engine, served } = dependencies;
  const { modelId } = request;
  requireWeights(request);
  const model = await served.read(modelId);
  const load = async (name: string) => {
    const found = await findServed(database, modelId, name, model);
    await engine.load(found.engineModel);
    return found.record;
  };
  const weighted = await Promise.all(
    Object.entries(request.weights).map(async ([name, weight]) => ({
      name,
      weight,
      record: await load(name),
    })),
  );
  const shadow = request.shadowVersion === undefined ? undefined : await load(request.shadowVersion);
  const shadowVersion = shadow?.version;
  requireDifferent(weighted, shadowVersion);
  const records = [...weighted.map(({ record }) => record), ...(shadow === undefined ? [] : [shadow])];
  const versions = records.map(({ version }) => version);
  // The ranges of a growing canary only grow when the order of the versions never changes.
  const created = new Map(records.map((record) => [record.version, record.createdAt]));
  const weights = weighted
    .map(({ record, weight }) => [record.version, weight] as const)
    .sort(([a], [b]) => (created.get(a) ?? 0) - (created.get(b) ?? 0) || (a < b ? -1 : 1));
  const [activeVersion] = weights.reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  const current = { activeVersion, weights, sticky: request.sticky, shadowVersion };
  const previous = await untilSettled(async (stale) => {
    const planNow = async (now: Database) =>
      trafficPlan(modelId, current, await readStanding(now, modelId), request.restores === true);
    const plan = await planNow(database);
    const approval = await approver.obtain(plan);
    return changeModel(dependencies, origin, { modelId }, async (transaction, at) => {
      await requireDeployed(transaction, modelId, versions);
      if (!stillAgreed(approver, approval, plan, await planNow(transaction))) throw stale;
      await approval.use(transaction, at);
      await request.alongside?.(transaction, at);
      const before = await readRoute(transaction, modelId);
      await writeRoute(transaction, modelId, current, at, nameOf(origin.caller));
      return { result: before, before, after: { ...current, ...approvedBy(approval) } };
    });
  });
  const archived = records.filter((record) => record.stage === 'archived').map((record) => record.version);
  return {
    previous,
    current,
    warnings: [
      ...(archived.length > 0 ? [`Archived, but serving: ${archived.join(', ')}.`] : []),
      ...placeWarnings(previous, current),
    ],
  };
}

/** Warnings: which versions are only standbys now, and which get no calls any more. */
function placeWarnings(previous: Route | undefined, { weights, shadowVersion }: Route): string[] {
  const standby = weights.flatMap(([version, weight]) => (weight === 0 ? [version] : []));
  const placed = new Set([...weights.map(([version]) => version), shadowVersion]);
  const out = (previous?.weights ?? []).flatMap(([version]) => (placed.has(version) ? [] : [version]));
  return [
    ...standby.map(
      (version) =>
        `${version} is standby: it answers only while the circuit breakers of the others are open.`,
    ),
    ...out.map(
      (version) =>
        `${version} is out of the route: it stays deployed, also for calls that pin it, until retire_model; weight 0 would keep it as standby.`,
    ),
  ];
}

function trafficPlan(
  modelId: string,
  { weights, sticky, shadowVersion }: Route,
  { standing, productionWantsPerson }: GuardedStanding,
  restores: boolean,
): ChangePlan {
  const after = { ...standing, weights };
  return {
    modelId,
    summary: [
      `The calls of model ${modelId} go to ${describeShares(after)}.`,
      `Now they go to ${describeShares(standing)}.`,
    ],
    change: { ...untouched(standing), after, productionWantsPerson, restores },
    facts: {
      production: standing.production ?? null,
      traffic: standing.weights,
      weights,
      sticky,
      shadow: shadowVersion ?? null,
    },
  };
}

function requireWeights({ weights }: TrafficRequest): void {
  const entries = Object.entries(weights);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const negative = entries.find(([, weight]) => weight < 0);
  if (negative !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The weight of ${negative[0]} is ${negative[1]}, below 0.`,
      'Give every version a share from 0 to 1, such as {"1": 0.9, "2": 0.1}.',
    );
  if (entries.length === 0 || Math.abs(total - 1) > 1e-6)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The weights sum to ${Number(total.toFixed(9))}, not 1.`,
      'Give every version its share of the calls, such as {"1": 0.9, "2": 0.1}.',
    );
}

/** An alias and its version are one, which can have one weight, and no weight where it is the shadow. */
function requireDifferent(
  weighted: readonly { name: string; weight: number; record: VersionRecord }[],
  shadowVersion: string | undefined,
): void {
  for (const { name, weight, record } of weighted) {
    const twin = weighted.find((other) => other.name !== name && other.record.version === record.version);
    if (twin !== undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        `${name} and ${twin.name} are the same version, ${record.version}, but both have a weight.`,
        'Give every version one weight.',
      );
    if (record.version === shadowVersion && weight > 0)
      throw new ModelYardError(
        'INVALID_INPUT',
        `shadow_version=${shadowVersion} has a weight of its own, so it would shadow itself.`,
        'Leave it out of the weights, or choose another shadow.',
      );
  }
}
