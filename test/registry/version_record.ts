import type { VersionRecord } from '../../src/registry/version_record.ts';

/** A version of which only some facts matter. */
export const versionRecord = (facts: Pick<VersionRecord, 'signature' | 'classLabels'>): VersionRecord => ({
  modelId: 'm',
  version: '1',
  stage: 'development',
  createdAt: 0,
  createdBy: 'operator',
  source: 'm.onnx',
  artifact: { sha256: '', bytes: 0 },
  framework: null,
  algorithm: null,
  hyperparameters: null,
  description: null,
  author: null,
  producer: null,
  opsets: null,
  updatedAt: null,
  updatedBy: null,
  number: 1,
  warnings: [],
  ...facts,
});
