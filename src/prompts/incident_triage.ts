import type { Prompt } from './prompt.ts';

export const incidentTriage: Prompt = {
  name: 'incident_triage',
  title: 'Triage an incident',
  description:
    'Something is wrong in service: what, since when, because of which change, and how to stop the harm.',
  needs: ['health_check'],
  arguments: [{ name: 'model_id', description: 'The model; default: find out which', required: false }],
  goal: ({ model_id }) =>
    `Something is wrong${model_id === undefined ? '' : ` with ${model_id}`}. Find out what, stop the harm first, look for the cause then.`,
  steps: ({ model_id }) => {
    const which = model_id === undefined ? {} : { model_id };
    return [
      {
        tool: 'health_check',
        given: which,
        why: 'The store, each version, circuit breakers, the last error. The worst comes first.',
      },
      {
        tool: 'list_alerts',
        given: { ...which, state: 'open' },
        why: 'What the watch found, and since when.',
      },
      {
        tool: 'get_model',
        given: which,
        why: 'For the model that is concerned: what changed shortly before? A promotion, the traffic, a new version.',
      },
      {
        tool: 'list_predictions',
        given: { ...which, only: 'errors', limit: 10 },
        why: 'For that model: do callers send something else than before, or does the model fail?',
      },
      {
        tool: 'get_performance',
        given: { ...which, window_hours: 6, by_version: true },
        why: 'For that model: which version, how much, since when?',
      },
      {
        tool: 'control_rollout',
        why: 'If a rollout is under way for it: pause or abort it, with the reason.',
      },
      {
        tool: 'rollback_model',
        why: 'If the version in production is to blame: dry_run=true first, show it to the person, then do it with the reason.',
      },
      {
        tool: 'set_traffic',
        why: 'If another version of those deployed still works: weights={"that version": 1}.',
      },
      {
        tool: 'detect_drift',
        given: which,
        why: 'If nothing fails but answers are odd: the data may have changed.',
      },
      {
        tool: 'health_check',
        given: which,
        why: 'Has it helped?',
      },
      {
        tool: 'acknowledge_alert',
        why: 'The alerts that are dealt with, each with a note.',
      },
    ];
  },
  report:
    'What was wrong, who was concerned and since when, what was done to stop it and how to undo that, the likely cause, what remains to be done.',
};
