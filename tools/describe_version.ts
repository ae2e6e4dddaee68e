import { z } from 'zod';
import type { DescribedVersion } from '../src/registry/describe.ts';
import { artifact, isoTime, signature, stage } from './schemas.ts';

/** A version in a list: what one needs to choose among versions. */
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
  created_at: z.string(),
});

/** All that is known of a version: the summary, and in a detailed answer the rest. */
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
  opsets: z.record(z.string(), z.number()).nullable().optional(),
  updated_at: z.string().nullable().optional(),
  updated_by: z.string().nullable().optional(),
  deployed_at: z.string().nullable().optional(),
  warnings: z.array(z.string()).optional(),
});

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
    created_at: isoTime(record.createdAt),
  };
}

export function detail(described: DescribedVersion): z.output<typeof versionDetails> {
  const { record, deployedAt } = described;
  return {
    ...summarise(described),
    description: record.description,
    created_by: record.createdBy,
    source: record.source,
    artifact: record.artifact,
    signature: record.signature,
    class_labels: record.classLabels ?? null,
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
