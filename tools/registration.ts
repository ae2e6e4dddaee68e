import { z } from 'zod';
import type { VersionRecord } from '../src/registry/version_record.ts';
import { anyMap, modelId, names, numberMap, textMap, version, versionReference } from './schemas.ts';

/** The facts of a new version that register_model and deploy_model share. */
export const registrationFacts = {
  feature_names: names.optional().describe('One name per input column, in training order'),
  class_labels: names.optional().describe('Class names in the order of the probabilities'),
  framework: z.string().min(1).max(256).optional().describe('Such as scikit-learn'),
  algorithm: z.string().min(1).max(256).optional(),
  metrics: numberMap.optional().describe('Name to number, such as {"accuracy": 0.91}'),
  hyperparameters: anyMap.optional(),
  tags: textMap.optional().describe('Name to text, such as {"team": "risk"}'),
  description: z.string().max(10_000).optional(),
  author: z.string().min(1).max(256).optional(),
  parent_version: versionReference.optional().describe('Version it was derived from, or model:version'),
};

const facts = z.strictObject({ model_id: modelId, version, ...registrationFacts });

/** The wire's names of a version's facts as the registry's. */
export function registrationOf(input: z.output<typeof facts>) {
  return {
    modelId: input.model_id,
    version: input.version,
    featureNames: input.feature_names,
    classLabels: input.class_labels,
    framework: input.framework,
    algorithm: input.algorithm,
    metrics: input.metrics,
    hyperparameters: input.hyperparameters,
    tags: input.tags,
    description: input.description,
    author: input.author,
    parentVersion: input.parent_version,
  };
}

/** What both tools say of the version. */
export function describeRegistered(record: VersionRecord) {
  const { modelId: model_id, version: name, stage, artifact, signature } = record;
  return { model_id, version: name, stage, artifact, signature };
}
