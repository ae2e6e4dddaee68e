import { createHash } from 'node:crypto';

/** An InferenceService is part of host names: `NAME-predictor-default-NAMESPACE` has 63 characters at most. */
const longest = 40;

/** What KServe takes for a name. */
export const kubernetesName = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;

/**
 * The name of a model's objects in Kubernetes: its own where that is one, else what is left of it, and a part of its hash,
 * so that two models have two names.
 */
export function nameInKubernetes(modelId: string): string {
  if (modelId.length <= longest && kubernetesName.test(modelId)) return modelId;
  const hash = createHash('sha256').update(modelId).digest('hex').slice(0, 8);
  const readable = modelId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, longest - hash.length - 1)
    .replace(/-+$/, '');
  return `${readable === '' ? 'model' : readable}-${hash}`;
}
