import type { Call } from '../access/approval.ts';
import { nameOf } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { productionVersion } from '../registry/standing.ts';
import { type Actors, archivedSince, interference, moveTraffic, onlyDecide } from './carry_out.ts';
import { findRollout, nameOfStep, Overtaken, openStates, type Rollout, type Step } from './rollout_store.ts';

export const controlActions = ['pause', 'resume', 'abort', 'skip_step'] as const;

export interface RolloutControl {
  rolloutId: string;
  action: (typeof controlActions)[number];
  reason: string;
}

const past = { pause: 'paused', resume: 'resumed', abort: 'aborted', skip_step: 'skipped' } as const;

/** How often it is tried again because a look came in between. */
const attempts = 10;

/**
 * A person's word on a rollout, in the history with its reason.
 * @throws INVALID_INPUT where it cannot be done in the state that the rollout is in, APPROVAL_REQUIRED
 */
export async function controlRollout(actors: Actors, control: RolloutControl, call: Call): Promise<Rollout> {
  for (let attempt = 1; ; attempt++) {
    const rollout = await findRollout(actors.database, { rolloutId: control.rolloutId });
    requirePossible(rollout, control);
    try {
      await carry(actors, rollout, control, call);
      return await findRollout(actors.database, { rolloutId: control.rolloutId });
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      if (attempt === attempts)
        throw new ModelYardError('STORAGE_UNAVAILABLE', 'The rollout kept changing meanwhile.', 'Try again.');
    }
  }
}

async function carry(actors: Actors, rollout: Rollout, control: RolloutControl, call: Call): Promise<void> {
  const changed = await interference(actors.database, rollout);
  const now = await present(actors, rollout);
  if (control.action === 'resume' || control.action === 'skip_step')
    await requireComparable(actors, rollout, now.production);
  const position = rollout.step + Number(control.action === 'skip_step');
  const to = rollout.plan.steps[position];
  const decision: Step = {
    state: stateAfter(control, to === undefined),
    step: position,
    action: past[control.action],
    reason: control.reason,
    by: nameOf(call.origin.caller),
    findings: rollout.progress.findings,
    progress: { waiting: control.action === 'pause' ? `Paused: ${control.reason}` : '', expectedMs: null },
  };
  // What somebody else set since is theirs; resuming takes it back into the rollout's hands.
  const adopted = changed === undefined ? rollout : { ...rollout, progress: { ...rollout.progress, ...now } };
  const keepsTraffic =
    control.action === 'pause' ||
    to === undefined ||
    (control.action === 'abort'
      ? changed !== undefined
      : ['probe', 'backtest', 'production'].includes(to.kind));
  if (keepsTraffic) {
    const kept = { ...decision, progress: { ...adopted.progress, ...decision.progress } };
    return onlyDecide(actors, rollout, kept);
  }
  return moveTraffic(actors, adopted, control.action === 'abort' ? undefined : to, decision, call);
}

async function present({ database }: Actors, { modelId }: Rollout) {
  const route = await database
    .selectFrom('routes')
    .select('changed_at')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return {
    routeSetAt: route?.changed_at ?? null,
    production: (await productionVersion(database, modelId)) ?? null,
  };
}

/** @throws INVALID_INPUT where the candidate was archived, or a third version went to production, since */
async function requireComparable(
  { database }: Actors,
  rollout: Rollout,
  production: string | null,
): Promise<void> {
  const { modelId, version, incumbent = 'none', progress } = rollout;
  const archived = await archivedSince(database, rollout);
  if (archived !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      archived,
      'Abort; or promote_model with target_stage=development, then resume.',
    );
  if (production === null || production === progress.production || production === version) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `Version ${production} of ${modelId} went to production meanwhile: ${version} would be compared with ${incumbent}, which it would not replace.`,
    'Abort, which leaves the traffic as it is, then start_rollout again.',
  );
}

function stateAfter({ action }: RolloutControl, isOver: boolean): Step['state'] {
  if (action === 'pause') return 'paused';
  if (action === 'abort') return 'aborted';
  return isOver ? 'succeeded' : 'running';
}

function requirePossible(rollout: Rollout, { action }: RolloutControl): void {
  const { state, rolloutId } = rollout;
  const isOpen = openStates.some((open) => open === state);
  const isPossible =
    action === 'resume'
      ? state === 'paused' || state === 'held'
      : isOpen && !(action === 'pause' && state === 'paused');
  if (!isPossible)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The rollout ${rolloutId} is ${state}: ${action} is not possible.`,
      isOpen ? 'See get_rollout for what it waits for.' : 'Call start_rollout for another one.',
    );
  if (action === 'skip_step' && rollout.plan.steps[rollout.step]?.kind === 'production')
    throw new ModelYardError(
      'INVALID_INPUT',
      `The step ${nameOfStep(rollout.plan, rollout.step)} cannot be skipped: its gates are the model's.`,
      'Remove what it waits for and resume, or abort.',
    );
}
