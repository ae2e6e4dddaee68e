import type { Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { findVersion } from '../registry/lookup.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Logger } from '../telemetry/logger.ts';
import {
  type Actors,
  archivedSince,
  callOf,
  interference,
  moveTraffic,
  onlyDecide,
  promoteCandidate,
} from './carry_out.ts';
import { type Decision, decide } from './decide.ts';
import type { StepEvidence } from './evidence.ts';
import type { RolloutStep } from './plan.ts';
import type { EvidenceDependencies } from './read_evidence.ts';
import { readEvidence } from './read_evidence.ts';
import { Overtaken, type Rollout, type Step } from './rollout_store.ts';
import { countedSince } from './waits.ts';

export interface ReconcileDependencies extends Actors, EvidenceDependencies {
  /** Loads, warms and probes a version, and records it as deployed where it was not. */
  prepare: (record: VersionRecord, origin: Origin) => Promise<void>;
  logger: Logger;
}

/** Who decides, in the history. */
const decider = 'modelyard';

/**
 * Looks at one rollout once: reads the evidence of its step, decides, and carries the decision out. Where it dies in
 * between, nothing or all of the decision is done.
 * @throws STORAGE_UNAVAILABLE
 */
export async function reconcile(dependencies: ReconcileDependencies, read: Rollout): Promise<void> {
  const { database, clock } = dependencies;
  if (read.state === 'paused') return;
  const begun = clock();
  const rollout = { ...read, ranMs: read.ranMs + countedSince(read, begun), lookedAt: begun };
  const step = rollout.plan.steps[rollout.step];
  if (step === undefined) return;
  try {
    const changed = await interference(database, rollout);
    if (changed !== undefined)
      return await pause(
        dependencies,
        rollout,
        `${changed} Paused: control_rollout resume puts this step's traffic back, abort leaves it as it is.`,
      );
    const archived = await archivedSince(database, rollout);
    if (archived !== undefined)
      return await pause(
        dependencies,
        rollout,
        `${archived} Paused: control_rollout abort gives the incumbent all calls.`,
      );
    if (step.kind === 'probe') return await probe(dependencies, rollout);
    const evidence = await readEvidence(dependencies, rollout, step, clock() + 1);
    const decision = decide(
      rollout.plan,
      { ...rollout.progress, step: rollout.step, ranMs: rollout.ranMs },
      evidence,
    );
    await carryOut(dependencies, rollout, step, decision, evidence);
  } catch (error) {
    if (isPassing(error, step)) return;
    if (!(error instanceof ModelYardError) || error.code === 'STORAGE_UNAVAILABLE') throw error;
    await refused(dependencies, rollout, error);
  }
}

/** What the next look finds otherwise: somebody was quicker, the server ends, or it does not know yet what another one deployed. */
function isPassing(error: unknown, step: RolloutStep): boolean {
  if (error instanceof Overtaken) return true;
  if (!(error instanceof ModelYardError)) return false;
  return error.code === 'CANCELLED' || (error.code === 'NOT_DEPLOYED' && step.kind === 'probe');
}

/** What could not be done sends back where the candidate is to blame, which is tried alone; else it holds. */
async function refused(
  dependencies: ReconcileDependencies,
  rollout: Rollout,
  error: ModelYardError,
): Promise<void> {
  const unfit = isUnfit(error) ? await whyUnfit(dependencies, rollout) : undefined;
  if (unfit === undefined) return holdFor(dependencies, rollout, error);
  try {
    const reason = `The candidate cannot be loaded: ${unfit.message}`;
    await goBack(dependencies, rollout, decisionOf('go_back', reason));
  } catch (thrown) {
    if (thrown instanceof Overtaken) return;
    if (!(thrown instanceof ModelYardError) || thrown.code === 'STORAGE_UNAVAILABLE') throw thrown;
    await holdFor(dependencies, rollout, thrown);
  }
}

async function whyUnfit(
  { database, prepare }: ReconcileDependencies,
  rollout: Rollout,
): Promise<ModelYardError | undefined> {
  const record = await findVersion(database, rollout.modelId, rollout.version);
  try {
    await prepare(record, callOf(rollout).origin);
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return isUnfit(error) ? error : undefined;
  }
}

/** Errors of a version that cannot be loaded. */
function isUnfit({ code }: ModelYardError): boolean {
  return ['ENGINE_CRASHED', 'INFERENCE_FAILED', 'ARTIFACT_INVALID', 'ARTIFACT_MISMATCH', 'TIMEOUT'].includes(
    code,
  );
}

function decisionOf(action: Decision['action'], reason: string): Decision {
  return { action, reason, findings: [], shown: {}, strata: [], expectedMs: undefined };
}

async function carryOut(
  dependencies: ReconcileDependencies,
  rollout: Rollout,
  step: RolloutStep,
  decision: Decision,
  evidence: StepEvidence,
): Promise<void> {
  const calls = { candidate: evidence.candidate.calls, incumbent: evidence.incumbent.calls };
  if (decision.action === 'go_back')
    return goBack(dependencies, rollout, decision, calls).catch((error: unknown) => {
      if (!(error instanceof ModelYardError) || error.code !== 'APPROVAL_REQUIRED') throw error;
      return holdFor(dependencies, rollout, error, decision);
    });
  // A rollout that is held waits for a person, or for an approval: harm alone is still acted on.
  const isWaitingForApproval = rollout.state === 'held' && rollout.progress.waiting.startsWith(approvalWord);
  if (rollout.state === 'held' && !isWaitingForApproval)
    return keepLooking(dependencies, rollout, decision, evidence);
  if (decision.action === 'go_on')
    // Where a person promoted it meanwhile it has but to get the calls.
    return step.kind === 'production' && rollout.progress.production !== rollout.version
      ? promoteCandidate(dependencies, rollout, stepOf(rollout, decision, rollout.step + 1), callOf(rollout))
      : goOn(dependencies, rollout, decision);
  if (decision.action === 'hold' && rollout.state !== 'held')
    return onlyDecide(dependencies, rollout, {
      ...stepOf(rollout, decision, rollout.step),
      state: 'held',
      progress: { ...progressOf(decision), waiting: decision.reason },
    });
  return keepLooking(dependencies, rollout, decision, evidence);
}

async function goOn(
  dependencies: ReconcileDependencies,
  rollout: Rollout,
  decision: Decision,
): Promise<void> {
  const next = rollout.plan.steps[rollout.step + 1];
  const change = stepOf(rollout, decision, rollout.step + 1);
  const present = rollout.plan.steps[rollout.step];
  if (present?.kind === 'production')
    return moveTraffic(dependencies, rollout, present, change, callOf(rollout));
  if (next === undefined || next.kind === 'production' || next.kind === 'backtest')
    return onlyDecide(dependencies, rollout, change);
  return moveTraffic(dependencies, rollout, next, change, callOf(rollout));
}

/** Deploys the candidate as standby; what cannot be loaded, or fails its probe, goes no further. */
async function probe(dependencies: ReconcileDependencies, rollout: Rollout): Promise<void> {
  const record = await findVersion(dependencies.database, rollout.modelId, rollout.version);
  try {
    await dependencies.prepare(record, callOf(rollout).origin);
  } catch (error) {
    if (!(error instanceof ModelYardError) || passing.includes(error.code)) throw error;
    return onlyDecide(dependencies, rollout, {
      ...made(rollout, 'go_back', `The candidate cannot serve: ${error.message}`),
      state: 'rolled_back',
    });
  }
  return goOn(
    dependencies,
    rollout,
    decisionOf('go_on', 'The candidate is deployed as standby and answers.'),
  );
}

/** Errors that say nothing about the candidate. */
const passing: readonly string[] = ['STORAGE_UNAVAILABLE', 'LIMIT_EXCEEDED', 'CANCELLED'];

async function goBack(
  dependencies: ReconcileDependencies,
  rollout: Rollout,
  decision: Decision,
  calls = rollout.progress.calls,
): Promise<void> {
  const step = stepOf(rollout, decision, rollout.step);
  const change: Step = { ...step, state: 'rolled_back', progress: { ...step.progress, calls } };
  return moveTraffic(dependencies, rollout, undefined, change, callOf(rollout));
}

async function pause(dependencies: ReconcileDependencies, rollout: Rollout, reason: string): Promise<void> {
  await onlyDecide(dependencies, rollout, {
    ...made(rollout, 'paused', reason),
    state: 'paused',
    progress: { waiting: reason, expectedMs: null },
  });
}

const approvalWord = 'Waits for an approval';

/** What was refused is told once, and tried again only where an approval is waited for. */
async function holdFor(
  dependencies: ReconcileDependencies,
  rollout: Rollout,
  error: ModelYardError,
  harm?: Decision,
): Promise<void> {
  const what =
    error.code === 'APPROVAL_REQUIRED'
      ? `${approvalWord}${harm === undefined ? '' : ' to go back, since harm was found'}.`
      : `${error.code}:`;
  const why = `${what} ${error.message} ${error.hint}`;
  if (rollout.state === 'held' && rollout.progress.waiting === why) return touch(dependencies, rollout);
  await onlyDecide(dependencies, rollout, {
    ...made(rollout, 'hold', harm === undefined ? why : `${harm.reason} ${why}`),
    state: 'held',
    progress: { ...(harm && progressOf(harm)), waiting: why, expectedMs: null },
  }).catch((thrown: unknown) => {
    if (!(thrown instanceof Overtaken)) throw thrown;
  });
}

function made(rollout: Rollout, action: Step['action'], reason: string): Omit<Step, 'state'> {
  return { step: rollout.step, action, reason, by: decider, findings: [], progress: {} };
}

/** The decision as it is written, with the state that the rollout has at that step of its plan. */
function stepOf(rollout: Rollout, decision: Decision, step: number): Step {
  return {
    state: step >= rollout.plan.steps.length ? 'succeeded' : 'running',
    step,
    action: decision.action,
    reason: decision.reason,
    by: decider,
    findings: decision.findings,
    progress: {
      ...progressOf(decision),
      waiting: '',
      expectedMs: null,
      ...(step !== rollout.step && { findings: [], calls: { candidate: 0, incumbent: 0 } }),
    },
  };
}

function progressOf({ shown, strata, findings, expectedMs }: Decision) {
  return { shown, strata: [...strata], findings, expectedMs: expectedMs ?? null };
}

/** Keeps what was seen, without a decision. */
async function keepLooking(
  { database, clock }: ReconcileDependencies,
  rollout: Rollout,
  decision: Decision,
  { candidate, incumbent }: StepEvidence,
): Promise<void> {
  const waiting = rollout.state === 'held' ? rollout.progress.waiting : decision.reason;
  const calls = { candidate: candidate.calls, incumbent: incumbent.calls };
  const progress = { ...rollout.progress, ...progressOf(decision), waiting, calls };
  const now = clock();
  // The look itself is time in which a server ran.
  const ranMs = Math.round(rollout.ranMs + countedSince(rollout, now));
  await database
    .updateTable('rollouts')
    .set({ ran_ms: ranMs, looked_at: now, progress: JSON.stringify(progress) })
    .where('rollout_id', '=', rollout.rolloutId)
    .where('sequence', '=', rollout.sequence)
    .execute();
}

async function touch({ database, clock }: ReconcileDependencies, rollout: Rollout): Promise<void> {
  await database
    .updateTable('rollouts')
    .set({ looked_at: clock() })
    .where('rollout_id', '=', rollout.rolloutId)
    .where('sequence', '=', rollout.sequence)
    .execute();
}
