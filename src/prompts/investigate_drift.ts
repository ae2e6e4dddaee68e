import type { Prompt, PromptValues } from './prompt.ts';

export const investigateDrift: Prompt = {
  name: 'investigate_drift',
  title: 'Investigate drift',
  description:
    'Finds what changed in the data of a model, since when, for whom, and whether predictions suffer.',
  needs: ['detect_drift'],
  arguments: [
    { name: 'model_id', description: 'The model', required: true },
    { name: 'version', description: 'Default: the one that answers', required: false },
  ],
  goal: ({ model_id, version }) =>
    `Find out whether the data of ${model_id}${version === undefined ? '' : ` (version ${version})`} have drifted, what changed, since when, and whether it matters.`,
  steps: (values) => {
    const which = whichOf(values);
    return [
      {
        tool: 'health_check',
        given: { model_id: values.model_id },
        why: 'Errors or a pipeline that broke look like drift: rule them out first.',
      },
      {
        tool: 'detect_drift',
        given: { ...which, window_hours: 24 },
        why: 'What drifted, and by which cause: values, missing, unseen categories, absent columns, types. NO_REFERENCE: set_reference_data first, with training rows. NOT_ENOUGH_DATA: a longer window_hours.',
      },
      {
        tool: 'detect_drift',
        given: { ...which, window_hours: 168, buckets: 7 },
        why: 'Since when? A jump points to a change upstream, a slope to a changing world.',
      },
      {
        tool: 'detect_drift',
        given: { ...which, method: 'multivariate' },
        why: 'Did only the relations between features change? With segment_by and a categorical feature: for whom?',
      },
      {
        tool: 'get_performance',
        given: { ...which, window_hours: 168 },
        why: 'Do predictions suffer? Without outcomes it estimates; record_outcomes brings them in.',
      },
      {
        tool: 'list_predictions',
        given: { ...which, limit: 10 },
        why: 'Some rows as they came in: do the drifted features look as they should?',
      },
      {
        tool: 'list_alerts',
        given: { model_id: values.model_id, state: 'open' },
        why: 'What the watch has found by itself, and when.',
      },
    ];
  },
  report:
    'What drifted and how much, since when and for whom, the likely cause, whether predictions suffer, and one recommendation: mend the data upstream, go back, train anew, or wait and why.',
};

function whichOf({ model_id, version }: PromptValues) {
  return { model_id, ...(version !== undefined && { version }) };
}
