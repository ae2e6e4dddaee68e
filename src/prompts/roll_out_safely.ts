import type { Prompt } from './prompt.ts';

export const rollOutSafely: Prompt = {
  name: 'roll_out_safely',
  title: 'Roll out a version safely',
  description:
    'Compares a candidate with what answers now, then moves traffic step by step, back by itself when it is worse.',
  needs: ['start_rollout', 'get_rollout'],
  arguments: [
    { name: 'model_id', description: 'The model', required: true },
    { name: 'version', description: 'The candidate', required: true },
  ],
  goal: ({ model_id, version }) =>
    `Bring version ${version} of ${model_id} to all callers, step by step, and stop where it is worse than what answers now.`,
  steps: ({ model_id, version }) => [
    {
      tool: 'get_model',
      given: { model_id },
      why: `Which version answers now, and is ${version} registered?`,
    },
    {
      tool: 'compare_models',
      given: { model_id },
      why: `With versions: the one that answers now and ${version}. Metrics and differences of the signature: callers must be able to go on as they are.`,
    },
    {
      tool: 'backtest',
      given: { model_id, version },
      why: 'Calls of the last week on both. Stop here if the candidate is worse, and say so.',
    },
    {
      tool: 'start_rollout',
      given: { model_id, version, dry_run: true },
      why: 'The plan: show it to the person, and ask whether to begin.',
    },
    {
      tool: 'start_rollout',
      given: { model_id, version },
      why: 'Begin, with the reason. Keep the rollout_id.',
    },
    {
      tool: 'get_rollout',
      given: { model_id },
      why: 'Again when about expected_s have passed, until the state is succeeded, rolled_back or aborted. It goes on without you.',
    },
    {
      tool: 'get_performance',
      given: { model_id, by_version: true },
      why: 'When it is held or rolled back: where do the versions differ?',
    },
    {
      tool: 'control_rollout',
      why: 'When it is held: resume with a reason once the evidence is there, or abort. Never skip a step without the word of the person.',
    },
  ],
  report: 'How it ended and by which evidence, which version answers now, and how to go back.',
};
