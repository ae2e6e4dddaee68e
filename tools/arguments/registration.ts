import { z } from 'zod';
import { anyMap, modelId, names, numberMap, textMap, version, versionReference } from './schemas.ts';

/**
 * The arguments about a new version that register_model and deploy_model share; only deploy_model describes them, to
 * save tokens.
 */
export const registrationFacts = {
  feature_names: names.optional(),
  class_labels: names.optional(),
  framework: z.string().min(1).max(256).optional(),
  algorithm: z.string().min(1).max(256).optional(),
  metrics: numberMap.optional(),
  hyperparameters: anyMap.optional(),
  tags: textMap.optional(),
  description: z.string().max(10_000).optional(),
  author: z.string().min(1).max(256).optional(),
  parent_version: versionReference.optional(),
};

const facts = z.strictObject({ model_id: modelId, version, ...registrationFacts });

/** The arguments under the registry's names. */
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
