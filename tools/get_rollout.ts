import { z } from 'zod';
import { nameOfStep } from '../src/rollouts/rollout_store.ts';
import { describeSteps, nextCall, rolloutState, undoOf } from './answers/rollout_answer.ts';
import { isoTime } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { modelId, responseFormat } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Decisions and characters of each that a concise answer shows, the newest. */
const shown = { decisions: 6, characters: 240, waiting: 600 };

export const getRollout = defineTool({
  name: 'get_rollout',
  title: 'Get rollout',
  description:
    "A rollout's step, decisions with reasons, evidence, what it waits for and about how long. By id, or the model's newest.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    rollout_id: z.string().max(100).optional(),
    model_id: modelId.optional(),
    response_format: responseFormat,
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    rollout_id: z.string(),
    model_id: z.string(),
    version: z.string(),
    incumbent: z.string().nullable(),
    state: rolloutState,
    step: z.string(),
    steps: z.array(z.string()).optional(),
    decisions: z.array(
      z.strictObject({
        at: z.string(),
        step: z.string(),
        action: z.string(),
        reason: z.string(),
        by: z.string(),
      }),
    ),
    evidence: z.array(z.string()),
    waiting_for: z.string(),
    expected_s: z.number().optional(),
    next: z.string(),
    undo: z.string(),
  }),
  async handle(services, input) {
    const { rollout, decisions } = await services.rollouts.find({
      rolloutId: input.rollout_id,
      modelId: input.model_id,
    });
    const isDetailed = input.response_format === 'detailed';
    const { progress, plan } = rollout;
    const { candidate, incumbent } = progress.calls;
    return {
      note: storedTexts,
      rollout_id: rollout.rolloutId,
      model_id: rollout.modelId,
      version: rollout.version,
      incumbent: rollout.incumbent ?? null,
      state: rollout.state,
      step: nameOfStep(plan, rollout.step),
      ...(isDetailed && { steps: describeSteps(plan) }),
      decisions: (isDetailed ? decisions : decisions.slice(-shown.decisions)).map((made) => ({
        at: isoTime(made.at),
        step: nameOfStep(plan, made.step),
        action: made.action,
        reason: isDetailed ? made.reason : cut(made.reason, shown.characters),
        by: made.by,
      })),
      evidence: [
        `${candidate} calls of the candidate, ${incumbent} of the incumbent in this step, ${Math.round(rollout.ranMs / 1000)} s`,
        ...progress.findings.map(({ detail }) => detail),
      ],
      waiting_for: isOver(rollout.state)
        ? ''
        : cut(progress.waiting || 'its first look', isDetailed ? 2000 : shown.waiting),
      ...(progress.expectedMs !== null && { expected_s: Math.ceil(progress.expectedMs / 1000) }),
      next: nextCall(rollout),
      undo: undoOf(rollout),
    };
  },
});

function isOver(state: z.output<typeof rolloutState>): boolean {
  return state === 'succeeded' || state === 'rolled_back' || state === 'aborted';
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters)}…`;
}
