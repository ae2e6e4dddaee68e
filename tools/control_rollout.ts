import { z } from 'zod';
import { controlActions } from '../src/rollouts/control_rollout.ts';
import { nameOfStep } from '../src/rollouts/rollout_store.ts';
import { nextCall, rolloutState, undoOfControl } from './answers/rollout_answer.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { trafficNow, trafficNowOf } from './answers/traffic_now.ts';
import { defineTool } from './define_tool.ts';

export const controlRollout = defineTool({
  name: 'control_rollout',
  title: 'Control rollout',
  description:
    'A word on a rollout: pause keeps the traffic as it is; resume starts the step anew; abort gives the incumbent all calls; skip_step goes on without the evidence.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    rollout_id: z.string().max(100),
    action: z.enum(controlActions),
    reason: z.string().min(1).max(2000),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    rollout_id: z.string(),
    model_id: z.string(),
    version: z.string(),
    state: rolloutState,
    step: z.string(),
    ...trafficNow,
    next: z.string(),
    undo: z.string(),
  }),
  async handle(services, input, call) {
    const rollout = await services.rollouts.control(
      { rolloutId: input.rollout_id, action: input.action, reason: input.reason },
      call,
    );
    return {
      note: storedTexts,
      rollout_id: rollout.rolloutId,
      model_id: rollout.modelId,
      version: rollout.version,
      state: rollout.state,
      step: nameOfStep(rollout.plan, rollout.step),
      ...(await trafficNowOf(services, rollout.modelId)),
      next: nextCall(rollout),
      undo: undoOfControl(rollout, input.action),
    };
  },
});
