import type { OurVersion } from '../../src/mlflow/registry_state.ts';

/** A version of the model `m` as the registry has it. */
export function ourVersion(
  name: string,
  { record, ...facts }: Partial<Omit<OurVersion, 'record'>> & { record?: Partial<OurVersion['record']> } = {},
): OurVersion {
  return {
    record: {
      modelId: 'm',
      version: name,
      stage: 'development',
      createdAt: 0,
      createdBy: 'operator',
      source: '/x.onnx',
      artifact: { sha256: 'f'.repeat(64), bytes: 1 },
      signature: { inputs: [], outputs: [], features: [] },
      classLabels: undefined,
      framework: null,
      algorithm: null,
      hyperparameters: null,
      description: null,
      warnings: [],
      author: null,
      producer: null,
      opsets: null,
      updatedAt: null,
      updatedBy: null,
      number: 1,
      ...record,
    },
    tags: new Map(),
    metrics: new Map(),
    number: undefined,
    ...facts,
  };
}
