import { z } from 'zod';
import { callWords } from '../../src/call_words.ts';
import type { controlActions } from '../../src/rollouts/control_rollout.ts';
import type { RolloutPlan } from '../../src/rollouts/plan.ts';
import { stepName } from '../../src/rollouts/plan.ts';
import type { Rollout } from '../../src/rollouts/rollout_store.ts';

export const rolloutState = z.enum(['running', 'paused', 'held', 'succeeded', 'rolled_back', 'aborted']);

/** What each step wants and how long it may take, in words. */
export function describeSteps({ steps, metrics }: RolloutPlan): string[] {
  return steps.map((step) => {
    const name = stepName(step);
    const { leastMs, longestMs, leastCalls, margins } = step;
    if (step.kind === 'probe') return `${name}: deployed as standby, loaded and probed`;
    if (step.kind === 'backtest')
      return `${name}: calls of the last week, where there are some, replayed on both; back when the candidate is worse`;
    if (step.kind === 'production') return `${name}: promote_model's gates and approvals`;
    const least = `at least ${leastMs / 1000} s and ${leastCalls} calls, held after ${longestMs / 1000} s`;
    if (step.kind === 'full') return `${name}: no breaker opens; ${least}`;
    const latency = step.kind === 'canary' ? `, p95 × ${short(margins.p95)}` : '';
    const outcomes = metrics.length > 0 ? metrics.join(', ') : 'the metric, where outcomes come,';
    return `${name}: ruled out ${short(100 * margins.errorRate)} points more errors${latency}, a loss of ${outcomes} of ${short(margins.share)} (not a share: ${short(100 * margins.relative)} %); back when harm is proven or a breaker opens; ${least}`;
  });
}

/** What is to be done next by whoever asks. */
export function nextCall(rollout: Rollout): string {
  if (rollout.state === 'running')
    return 'Nothing: it goes on while any server of this store runs; get_rollout reports.';
  if (rollout.state === 'paused' || rollout.state === 'held')
    return 'control_rollout resume, skip_step (where live evidence cannot come) or abort.';
  if (rollout.state === 'aborted') return 'start_rollout begins it again.';
  return rollout.state === 'succeeded'
    ? 'Nothing: it is over.'
    : 'Mend the version, register it anew and start_rollout.';
}

/** How it is taken back. */
export function undoOf(
  rollout: Pick<Rollout, 'rolloutId' | 'modelId' | 'version' | 'incumbent' | 'state' | 'plan'>,
): string {
  const { modelId, version, incumbent, state, plan } = rollout;
  if (state === 'running' || state === 'paused' || state === 'held')
    return `Call ${controlCall(rollout, 'abort')}.`;
  if (state !== 'succeeded') return 'Nothing to undo: the incumbent has the calls (get_model shows them).';
  if (plan.steps.some(({ kind }) => kind === 'production'))
    return `Call ${callWords('rollback_model', { model_id: modelId, reason: 'taken back' })}.`;
  const back =
    incumbent === undefined
      ? callWords('retire_model', { model_id: modelId, version, force: true })
      : callWords('set_traffic', { model_id: modelId, weights: { [incumbent]: 1 } });
  return `Call ${back}.`;
}

/** How a word on a rollout is taken back. */
export function undoOfControl(rollout: Rollout, action: (typeof controlActions)[number]): string {
  if (action === 'pause') return `Call ${controlCall(rollout, 'resume')}: the step begins anew.`;
  if (action === 'resume' && rollout.state === 'running') return `Call ${controlCall(rollout, 'pause')}.`;
  if (action === 'abort')
    return `Cannot be undone; another one can be started. Call ${callWords('start_rollout', { model_id: rollout.modelId, version: rollout.version })}.`;
  return undoOf(rollout);
}

function controlCall({ rolloutId }: Pick<Rollout, 'rolloutId'>, action: string): string {
  return callWords('control_rollout', { rollout_id: rolloutId, action, reason: 'taken back' });
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
