/** What KServe is told of a version. */
export interface ServedVersion {
  name: string;
  namespace: string | undefined;
  modelId: string;
  version: string;
  sha256: string;
  /** Where its model repository is, as KServe's storage initializer reads it. */
  storageUri: string;
  /** Percent of the calls beside the version that was served before; undefined: all. */
  canaryShare: number | undefined;
  /** Whose secrets say how the storage is read. */
  serviceAccount: string;
}

/** KServe's InferenceService, served by Triton. */
export function inferenceService(served: ServedVersion) {
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: served.name,
      ...(served.namespace !== undefined && { namespace: served.namespace }),
      annotations: {
        'modelyard/model-id': served.modelId,
        'modelyard/version': served.version,
        'modelyard/sha256': served.sha256,
      },
    },
    spec: {
      predictor: {
        ...(served.canaryShare !== undefined && { canaryTrafficPercent: served.canaryShare }),
        serviceAccountName: served.serviceAccount,
        minReplicas: 1,
        model: {
          modelFormat: { name: 'triton' },
          runtime: 'kserve-tritonserver',
          protocolVersion: 'v2',
          storageUri: served.storageUri,
        },
      },
    },
  };
}
