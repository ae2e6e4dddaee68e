import type { Prompt } from './prompt.ts';

export const deployAndVerify: Prompt = {
  name: 'deploy_and_verify',
  title: 'Deploy and verify a model',
  description:
    'Brings an ONNX file into service beside what is there, checks it, and only then moves the traffic.',
  needs: ['deploy_model', 'predict'],
  arguments: [
    {
      name: 'source',
      description: 'The .onnx file: an absolute path, or MLflow runs:/…, models:/…',
      required: true,
    },
    { name: 'model_id', description: 'The model, new or known', required: true },
    { name: 'version', description: 'The new version', required: true },
  ],
  goal: ({ source, model_id, version }) =>
    `Deploy ${source} as version ${version} of ${model_id}, verify it, then let it take the traffic.`,
  steps: ({ source, model_id, version }) => [
    {
      tool: 'search_models',
      given: { model_id },
      why: 'Does the model exist, and is the version free? A version is never replaced: choose another name where it is taken.',
    },
    {
      tool: 'deploy_model',
      given: { model_id, version, source, set_active: false },
      why: 'Add feature_names and class_labels in training order if you know them, metrics, a description with the limits of the model, and a probe: inputs with the values that the training code gave for them. It is registered, loaded and probed; no caller sees it yet. Read its warnings.',
    },
    {
      tool: 'predict',
      given: { model_id, version },
      why: 'With inputs: a few records whose answers are known. Compare.',
    },
    {
      tool: 'set_reference_data',
      given: { model_id, version },
      why: 'With path: rows of the training data, so that drift can be seen later.',
    },
    {
      tool: 'deploy_model',
      given: { model_id, version, set_active: true },
      why: 'Only if all was right, and the person agrees: all traffic moves. Where another version answers today, start_rollout moves it step by step instead.',
    },
    {
      tool: 'health_check',
      given: { model_id },
      why: 'Is it healthy, and its circuit breaker closed?',
    },
    {
      tool: 'promote_model',
      given: { model_id, version, target_stage: 'staging', dry_run: true },
      why: 'What the gates say. Promote without dry_run when the person wants it.',
    },
  ],
  report: 'What is deployed and what answers now, what was verified and how, warnings, and how to undo it.',
};
