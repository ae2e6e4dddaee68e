import { z } from 'zod';
import type { Artifact } from '../storage/artifact_store.ts';
import type { VersionRow } from '../storage/schema.ts';
import { type Signature, signatureSchema } from './signature.ts';
import { type Stage, stages } from './stages.ts';

/** One registered version, as the services see it. */
export interface VersionRecord {
  modelId: string;
  version: string;
  stage: Stage;
  createdAt: number;
  createdBy: string;
  source: string;
  artifact: Artifact;
  signature: Signature;
  classLabels: string[] | undefined;
  framework: string | null;
  algorithm: string | null;
  hyperparameters: Record<string, unknown> | null;
  description: string | null;
  warnings: string[];
  author: string | null;
  /** The software that wrote the file, as the file says. */
  producer: string | null;
  /** Operator set to version; "" is ONNX's own. */
  opsets: Record<string, number> | null;
  updatedAt: number | null;
  updatedBy: string | null;
  /** Its place among all versions, in the order in which they were registered. */
  number: number;
}

const labels = z.array(z.string());
const object = z.record(z.string(), z.unknown());
const opsets = z.record(z.string(), z.number());
const stage = z.enum(stages);

export function versionRecord(row: VersionRow): VersionRecord {
  return {
    modelId: row.model_id,
    version: row.version,
    stage: stage.parse(row.stage),
    createdAt: row.created_at,
    createdBy: row.created_by,
    source: row.source,
    artifact: { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
    signature: signatureSchema.parse(JSON.parse(row.signature)),
    classLabels: row.class_labels === null ? undefined : labels.parse(JSON.parse(row.class_labels)),
    framework: row.framework,
    algorithm: row.algorithm,
    hyperparameters: row.hyperparameters === null ? null : object.parse(JSON.parse(row.hyperparameters)),
    description: row.description,
    warnings: labels.parse(JSON.parse(row.warnings)),
    author: row.author,
    producer: row.producer,
    opsets: row.opsets === null ? null : opsets.parse(JSON.parse(row.opsets)),
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
    number: row.number,
  };
}
