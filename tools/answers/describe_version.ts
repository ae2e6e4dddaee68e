import { basename } from 'node:path';
import { z } from 'zod';
import { isMlflowSource } from '../../src/mlflow/source.ts';
import type { DescribedVersion } from '../../src/registry/describe.ts';
import { stage } from '../arguments/schemas.ts';
import { beginning, roomFor } from './room.ts';
import { artifact, isoTime, notWhole, signature } from './schemas.ts';
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
  not_whole: notWhole,
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

const shownDescription = 200;
/** Characters of each part of a version: one of several, and the one that was asked for. */
const among = { aliases: 150, metrics: 400, tags: 250, name: 60 };
const alone = {
  description: 300,
  aliases: 200,
  metrics: 600,
  tags: 450,
  labels: 300,
  hyperparameters: 500,
  parents: 200,
  warnings: 400,
  name: 100,
};
const howAll = 'All: get_model with version and response_format=detailed.';

export function summarise(described: DescribedVersion, isWhole = false): z.output<typeof versionSummary> {
  const room = roomFor(isWhole);
  const { metrics, tags, aliases } = described;
  return {
    ...headOf(described, isWhole, among.name),
    aliases: room.items(aliases, 'aliases', among.aliases),
    metrics: room.members(metrics, 'metrics', among.metrics),
    tags: room.members(tags, 'tags', among.tags),
    ...room.notWhole(howAll),
  };
}

/** What is short of every version; names as long as has room. */
function headOf({ record, deployedAt }: DescribedVersion, isWhole: boolean, characters: number) {
  const { description } = record;
  const name = (text: string | null) => (text === null || isWhole ? text : beginning(text, characters));
  return {
    model_id: record.modelId,
    version: record.version,
    stage: record.stage,
    deployed: deployedAt !== undefined,
    framework: name(record.framework),
    algorithm: name(record.algorithm),
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
  const room = roomFor(whole);
  const short = (text: string) => (whole ? text : beginning(text, alone.name));
  const { description_characters: _, ...head } = headOf(described, whole, alone.name);
  return {
    ...head,
    aliases: room.items(described.aliases, 'aliases', alone.aliases),
    metrics: room.members(described.metrics, 'metrics', alone.metrics),
    tags: room.members(described.tags, 'tags', alone.tags),
    description: record.description && room.text(record.description, 'the description', alone.description),
    created_by: record.createdBy,
    // The path on this machine is not disclosed.
    source: short(isMlflowSource(record.source) ? record.source : basename(record.source)),
    artifact: record.artifact,
    signature: shownSignature(record, !whole),
    class_labels: record.classLabels ? room.items(record.classLabels, 'class labels', alone.labels) : null,
    hyperparameters:
      record.hyperparameters &&
      room.members(record.hyperparameters, 'hyperparameters', alone.hyperparameters),
    parent_version: described.parents[0] ?? null,
    parent_versions: room.items(described.parents, 'parents', alone.parents),
    author: record.author && short(record.author),
    producer: record.producer,
    opsets: record.opsets,
    updated_at: record.updatedAt === null ? null : isoTime(record.updatedAt),
    updated_by: record.updatedBy,
    deployed_at: deployedAt === undefined ? null : isoTime(deployedAt),
    warnings: room.items(record.warnings, 'warnings', alone.warnings),
    ...room.notWhole(howAll),
  };
}
