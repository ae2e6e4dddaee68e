import { decide, type RolloutProgress } from '../src/rollouts/decide.ts';
import { type ArmEvidence, noEvidence, type StepEvidence } from '../src/rollouts/evidence.ts';
import { isJudged, p95Limits, type RolloutPlan, type RolloutStep } from '../src/rollouts/plan.ts';
import { slowCalls } from '../src/rollouts/slow_calls.ts';
import { pairedVariance } from '../src/rollouts/stratum_of.ts';
import { type Random, seededRandom } from '../src/statistics/random.ts';
import { shareOfUnits, type UnitEstimate } from '../src/statistics/unit_estimate.ts';

/** How a version answers: shares of its calls, and the factor by which its latency is scaled. */
export interface Behaviour {
  errorRate: number;
  accuracy: number;
  slower: number;
}

export interface World {
  plan: RolloutPlan;
  incumbent: Behaviour;
  candidate: Behaviour;
  /** Calls in all, and calls between two looks. */
  calls: number;
  lookEvery: number;
  /** Milliseconds between calls. */
  everyMs: number;
  /** Entities that call, each with habits of its own; 0: every call is a unit. */
  entities: number;
  /** Share of the answers whose outcome comes. */
  outcomes: number;
  /** Share of the calls that both versions answer alike; the others they answer each for itself. */
  same: number;
}

export interface Simulated {
  ended: 'promoted' | 'sent_back' | 'held' | 'running';
  /** What sent it back. */
  reason: string;
  /** Calls until then. */
  calls: number;
  /** Calls that the candidate answered. */
  exposed: number;
}

const latencySpread = 0.5;

/** One rollout from its first call on, decided by the function that decides live ones. */
export function simulate(world: World, seed: number): Simulated {
  const random = seededRandom(seed);
  const { plan } = world;
  let progress: RolloutProgress = { step: 0, ranMs: 0, shown: {}, strata: [] };
  let seen = stepCalls(world.entities === 0);
  let [calls, exposed] = [0, 0];
  const habits = Array.from({ length: world.entities }, () => ({
    place: random(),
    luck: normal(random),
  }));
  const ended = (how: Simulated['ended'], reason: string) => ({ ended: how, reason, calls, exposed });
  for (;;) {
    const step = plan.steps[progress.step];
    if (step === undefined) return ended('promoted', '');
    const decision = decide(plan, progress, evidenceOf(world, step, seen));
    if (decision.action === 'go_on') {
      progress = { step: progress.step + 1, ranMs: 0, shown: decision.shown, strata: decision.strata };
      seen = stepCalls(world.entities === 0);
      continue;
    }
    if (decision.action === 'go_back') return ended('sent_back', decision.reason);
    if (decision.action === 'hold') return ended('held', decision.reason);
    if (calls >= world.calls) return ended('running', decision.reason);
    for (let call = 0; call < world.lookEvery && calls < world.calls; call++) {
      const entity = world.entities === 0 ? -1 : Math.floor(random() * world.entities);
      const { place, luck } = habits[entity] ?? { place: random(), luck: 0 };
      if (oneCall(world, step, seen, random, entity, place, luck)) exposed++;
      calls++;
    }
    const ranMs = progress.ranMs + world.lookEvery * world.everyMs;
    progress = { ...progress, ranMs, shown: decision.shown };
  }
}

/** @returns whether the candidate answered its caller */
function oneCall(
  { candidate, incumbent, outcomes, same }: World,
  step: RolloutStep,
  seen: SeenCalls,
  random: Random,
  entity: number,
  place: number,
  luck: number,
): boolean {
  const isCandidate = step.kind !== 'probe' && place < step.share;
  const isKnown = random() < outcomes;
  const isHit = (accuracy: number) => random() < Math.min(1, Math.max(0, accuracy + 0.1 * luck));
  const answer = (arm: SeenArm, how: Behaviour, hit: boolean) =>
    arm.add(entity, how, luck, isKnown, hit, random);
  if (step.kind === 'shadow') {
    const hit = isHit(incumbent.accuracy);
    const apart = (candidate.accuracy - same * incumbent.accuracy) / (1 - same);
    const ownHit = random() < same ? hit : isHit(apart);
    if (!answer(seen.incumbent, incumbent, hit)) return false;
    if (answer(seen.candidate, candidate, ownHit)) seen.pair(hit === ownHit);
    return false;
  }
  const how = isCandidate ? candidate : incumbent;
  answer(isCandidate ? seen.candidate : seen.incumbent, how, isHit(how.accuracy));
  return isCandidate;
}

type SeenCalls = ReturnType<typeof stepCalls>;

type SeenArm = ReturnType<typeof seenArm>;

function stepCalls(isCalls: boolean) {
  let [pairs, agreed] = [0, 0];
  return {
    candidate: seenArm(isCalls),
    incumbent: seenArm(isCalls),
    pair(agrees: boolean): void {
      pairs++;
      agreed += Number(agrees);
    },
    agreement: () => ({ share: agreed / Math.max(1, pairs), calls: pairs }),
  };
}

/** @param isCalls whether every call is a unit, of which nothing but the number is kept */
function seenArm(isCalls: boolean) {
  const units = new Map<number, number>();
  const sums = ['calls', 'errors', 'rows', 'hits'].map(() => growing());
  const latency = growing();
  const unitOf = isCalls ? undefined : numbers();
  let [failedUnits, errors, count, rows, hits] = [0, 0, 0, 0, 0];
  return {
    add(
      entity: number,
      how: Behaviour,
      luck: number,
      isKnown: boolean,
      hit: boolean,
      random: Random,
    ): boolean {
      const unit = entity < 0 ? count : (units.get(entity) ?? units.size);
      if (entity >= 0) units.set(entity, unit);
      if (unit === count) {
        count++;
        if (!isCalls) for (const sum of sums) sum.push(0);
      }
      const [ofCalls, ofErrors, ofRows, ofHits] = sums;
      if (!isCalls) ofCalls?.add(unit, 1);
      if (random() < how.errorRate * (isCalls ? 1 : Math.exp(luck - 0.5))) {
        if (isCalls || ofErrors?.at(unit) === 0) failedUnits++;
        if (!isCalls) ofErrors?.add(unit, 1);
        errors++;
        return false;
      }
      unitOf?.set(latency.length(), unit);
      latency.push(latencyOf(how, luck, random));
      if (!isKnown) return true;
      rows++;
      hits += Number(hit);
      if (isCalls) return true;
      ofRows?.add(unit, 1);
      if (hit) ofHits?.add(unit, 1);
      return true;
    },
    evidence(): ArmEvidence {
      const [ofCalls, ofErrors] = sums.map((sum) => sum.values());
      const calls = latency.length() + errors;
      const errorRate = isCalls
        ? shareOfCalls(errors, calls)
        : ofCalls && ofErrors && shareOfUnits(ofErrors, ofCalls);
      return { units: count, failedUnits, calls, errors, errorRate };
    },
    outcomes() {
      if (isCalls) return shareOfCalls(hits, rows);
      const [, , ofRows, ofHits] = sums.map((sum) => sum.values());
      return ofRows && ofHits && shareOfUnits(ofHits, ofRows);
    },
    timed() {
      const latencyMs = latency.values();
      // A call a second.
      const second = numbered(latencyMs.length);
      return { latencyMs, unit: unitOf?.upTo(latencyMs.length) ?? second, second };
    },
  };
}

/** What shareOfUnits says where each unit has one row, at once. */
function shareOfCalls(hits: number, rows: number): UnitEstimate | undefined {
  if (rows < 2) return undefined;
  const value = hits / rows;
  const share = (hits + 1) / (rows + 2);
  const variance = Math.max((value * (1 - value)) / (rows - 1), (share * (1 - share)) / rows);
  return { value, variance, rows, units: rows, events: { hits, misses: rows - hits } };
}

function evidenceOf({ outcomes }: World, step: RolloutStep, seen: SeenCalls): StepEvidence {
  const { candidate, incumbent } = seen;
  if (!isJudged(step)) return { ...noEvidence, candidate: candidate.evidence() };
  const [ours, theirs] = [candidate.evidence(), incumbent.evidence()];
  const isShadow = step.kind === 'shadow';
  const share = isShadow ? ours.calls / Math.max(1, ours.calls + theirs.calls) : step.share;
  const metric = {
    name: 'accuracy',
    higherIsBetter: true,
    candidate: candidate.outcomes(),
    incumbent: incumbent.outcomes(),
  };
  const agreement = seen.agreement();
  const paired = isShadow && metric.candidate && pairedVariance(agreement.share, metric.candidate);
  return {
    ...noEvidence,
    candidate: ours,
    incumbent: theirs,
    share,
    ...(isShadow ? {} : slowCalls(candidate.timed(), incumbent.timed(), share, p95Limits(step))),
    metrics:
      outcomes > 0 && metric.candidate && metric.incumbent
        ? [{ ...metric, variance: paired || undefined }]
        : [],
    agreement: isShadow && agreement.calls > 0 ? agreement : undefined,
  };
}

let ascending = new Int32Array(0);

/** 0, 1, 2 … */
function numbered(count: number): Int32Array {
  if (ascending.length < count) ascending = Int32Array.from({ length: 2 * count }, (_, position) => position);
  return ascending.subarray(0, count);
}

/** An Int32Array that grows. */
function numbers() {
  let held = new Int32Array(64);
  return {
    set(position: number, value: number): void {
      if (position >= held.length) {
        const more = new Int32Array(2 * position);
        more.set(held);
        held = more;
      }
      held[position] = value;
    },
    upTo: (length: number) => held.subarray(0, length),
  };
}

/** A Float64Array that grows. */
function growing() {
  let held = new Float64Array(64);
  let length = 0;
  return {
    push(value: number): void {
      if (length === held.length) {
        const more = new Float64Array(2 * length);
        more.set(held);
        held = more;
      }
      held[length++] = value;
    },
    add(position: number, value: number): void {
      held[position] = (held[position] ?? 0) + value;
    },
    length: () => length,
    at: (position: number) => held[position],
    values: () => held.subarray(0, length),
  };
}

/** Latency of a call: lognormal, the median of a usual version is 1. */
export function latencyOf({ slower }: Behaviour, luck: number, random: Random): number {
  return slower * Math.exp(latencySpread * (normal(random) + luck));
}

/** Box & Muller (1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
