import type { VersionRecord } from '../../src/registry/version_record.ts';
import { shownSignature } from './shown_signature.ts';

/** The answer of register_model and deploy_model about a new version. */
export function describeRegistered(record: VersionRecord) {
  const { modelId: model_id, version: name, stage, artifact } = record;
  return { model_id, version: name, stage, artifact, signature: shownSignature(record, true) };
}
