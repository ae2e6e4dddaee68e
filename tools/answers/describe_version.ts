import { basename } from 'node:path';
import { z } from 'zod';
import { isMlflowSource } from '../../src/mlflow/source.ts';
import type { DescribedVersion } from '../../src/registry/describe.ts';
import { stage } from '../arguments/schemas.ts';
import { artifact, isoTime, signature } from './schemas.ts';
import { shownSignature } from './shown_signature.ts';

/** A version in a list, with what is needed to choose among versions. */
export const versionSummary = z.strictObject({
  model_id: z.string(),
  version: z.string(),
  stage,
  deployed: z.boolean(),
  aliases: z.array(z.string()),
  framework: z.string().nullable(),
  algorithm: z.string().nullable(),
  metrics: z.record(z.string(), z.number()),
  tags: z.record(z.string(), z.string()),
  description: z.string().nullable(),
  description_characters: z.int().optional().describe('Of the whole, where it is cut'),
  created_at: z.string(),
});

/** A version: the summary, and in a detailed answer everything else. */
export const versionDetails = z.strictObject({
  ...versionSummary.shape,
  created_by: z.string().optional(),
  source: z.string().optional(),
  artifact: artifact.optional(),
  signature: signature.optional(),
  class_labels: z.array(z.string()).nullable().optional(),
  hyperparameters: z.record(z.string(), z.unknown()).nullable().optional(),
  parent_version: z.string().nullable().optional(),
  parent_versions: z.array(z.string()).optional(),
  author: z.string().nullable().optional(),
  producer: z.string().nullable().optional(),
  opsets: z.record(z.string(), z.int()).nullable().optional(),
  updated_at: z.string().nullable().optional(),
  updated_by: z.string().nullable().optional(),
  deployed_at: z.string().nullable().optional(),
  warnings: z.array(z.string()).optional(),
});

/** More class labels than this are told by their number. */
const maxLabels = 20;

function shownLabels(labels: readonly string[] | undefined): string[] | null {
  if (labels === undefined) return null;
  const more = labels.length - maxLabels;
  return more <= 0
    ? [...labels]
    : [...labels.slice(0, maxLabels), `… and ${more} more: response_format=detailed`];
}

const shownDescription = 200;

export function summarise({
  record,
  metrics,
  tags,
  aliases,
  deployedAt,
}: DescribedVersion): z.output<typeof versionSummary> {
  const { description } = record;
  return {
    model_id: record.modelId,
    version: record.version,
    stage: record.stage,
    deployed: deployedAt !== undefined,
    aliases,
    framework: record.framework,
    algorithm: record.algorithm,
    metrics,
    tags,
    description:
      description !== null && description.length > shownDescription
        ? `${description.slice(0, shownDescription)}…`
        : description,
    ...(description !== null &&
      description.length > shownDescription && { description_characters: description.length }),
    created_at: isoTime(record.createdAt),
  };
}

/** @param whole whether the signature and classes are shown completely; else as much as has room */
export function detail(described: DescribedVersion, whole: boolean): z.output<typeof versionDetails> {
  const { record, deployedAt } = described;
  const { description_characters: _, ...summary } = summarise(described);
  return {
    ...summary,
    description: record.description,
    created_by: record.createdBy,
    // The path on this machine is not disclosed.
    source: isMlflowSource(record.source) ? record.source : basename(record.source),
    artifact: record.artifact,
    signature: shownSignature(record, !whole),
    class_labels: whole ? (record.classLabels ?? null) : shownLabels(record.classLabels),
    hyperparameters: record.hyperparameters,
    parent_version: described.parents[0] ?? null,
    parent_versions: described.parents,
    author: record.author,
    producer: record.producer,
    opsets: record.opsets,
    updated_at: record.updatedAt === null ? null : isoTime(record.updatedAt),
    updated_by: record.updatedBy,
    deployed_at: deployedAt === undefined ? null : isoTime(deployedAt),
    warnings: record.warnings,
  };
}
