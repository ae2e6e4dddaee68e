import { z } from 'zod';
import type { Artifact } from '../storage/artifact.ts';
import type { VersionRow } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
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

/** What lists show of a version: none of it has to be parsed. */
export type VersionHead = Pick<
  VersionRecord,
  'modelId' | 'version' | 'stage' | 'createdAt' | 'framework' | 'algorithm' | 'description' | 'number'
>;

export const versionHeadColumns = [
  'model_id',
  'version',
  'stage',
  'created_at',
  'framework',
  'algorithm',
  'description',
  'number',
] as const;

export function versionHead(row: Pick<VersionRow, (typeof versionHeadColumns)[number]>): VersionHead {
  return {
    modelId: row.model_id,
    version: row.version,
    stage: stage.parse(row.stage),
    createdAt: row.created_at,
    framework: row.framework,
    algorithm: row.algorithm,
    description: row.description,
    number: row.number,
  };
}

/** @throws INTERNAL naming what is damaged of it */
export function versionRecord(row: VersionRow): VersionRecord {
  const read = <Schema extends z.ZodType>(schema: Schema, column: JsonColumn, text: string) =>
    readStored(schema, text, { table: 'versions', column, of: `${row.model_id} ${row.version}` });
  return {
    ...versionHead(row),
    createdBy: row.created_by,
    source: row.source,
    artifact: { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
    signature: read(signatureSchema, 'signature', row.signature),
    classLabels: row.class_labels === null ? undefined : read(labels, 'class_labels', row.class_labels),
    hyperparameters:
      row.hyperparameters === null ? null : read(object, 'hyperparameters', row.hyperparameters),
    warnings: read(labels, 'warnings', row.warnings),
    author: row.author,
    producer: row.producer,
    opsets: row.opsets === null ? null : read(opsets, 'opsets', row.opsets),
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}

type JsonColumn = 'signature' | 'class_labels' | 'hyperparameters' | 'warnings' | 'opsets';
