import { z } from 'zod';
import type { DescribedVersion } from '../../src/registry/describe.ts';
import type { VersionHead } from '../../src/registry/version_record.ts';
import { stage } from '../arguments/schemas.ts';
import { isoTime } from './schemas.ts';

/** A version in a search's answer; what is false or unknown is left out. */
export const foundVersion = z.strictObject({
  model_id: z.string(),
  version: z.string(),
  stage,
  created_at: z.string(),
  deployed: z.literal(true).optional(),
  aliases: z.array(z.string()).optional(),
  framework: z.string().optional(),
  algorithm: z.string().optional(),
  metrics: z.record(z.string(), z.number()),
  tags: z.record(z.string(), z.string()),
  more: z.int().optional().describe('Metrics and tags without room here; get_model has them'),
  description: z.string().optional(),
});
export type FoundVersion = z.output<typeof foundVersion>;

/** Characters of a whole page, which with the statistics stays below 2 000 tokens. */
const pageCharacters = 7500;
/** Characters of a version at least, however many are requested. */
const leastCharacters = pageCharacters / 25;
const longestDescription = 200;
const shortestDescription = 30;

/**
 * The versions of one page, each in its share of the characters: first its names, then the metrics and tags that were
 * asked for, the others, and what there is room for of the description.
 * @param asked names of metrics and tags
 */
export function showFound(
  versions: readonly DescribedVersion<VersionHead>[],
  limit: number,
  asked: { metrics: ReadonlySet<string>; tags: ReadonlySet<string> },
): FoundVersion[] {
  const share = Math.max(pageCharacters / limit, leastCharacters);
  return versions.map((described) => showWithin(share, described, asked));
}

function showWithin(
  share: number,
  { record, metrics, tags, aliases, deployedAt }: DescribedVersion<VersionHead>,
  asked: { metrics: ReadonlySet<string>; tags: ReadonlySet<string> },
): FoundVersion {
  const { framework, algorithm, description } = record;
  const facts = {
    model_id: record.modelId,
    version: record.version,
    stage: record.stage,
    // To the second.
    created_at: isoTime(record.createdAt).replace(/\.\d+/, ''),
    ...(deployedAt !== undefined && { deployed: true as const }),
    ...(aliases.length > 0 && { aliases }),
    ...(framework !== null && { framework }),
    ...(algorithm !== null && { algorithm }),
  };
  const isAsked = ({ kind, name }: Piece) => Number(asked[kind].has(name));
  const pieces = [
    ...Object.entries(metrics).map(
      ([name, value]): Piece => ({ kind: 'metrics', name, value: Number(value.toPrecision(6)) }),
    ),
    ...Object.entries(tags).map(([name, value]): Piece => ({ kind: 'tags', name, value })),
  ].toSorted((a, b) => isAsked(b) - isAsked(a));
  let left = share - JSON.stringify({ ...facts, metrics: {}, tags: {} }).length;
  if (pieces.reduce((sum, piece) => sum + charactersOf(piece), 0) > left) left -= '"more":99,'.length;
  const kept = pieces.filter((piece) => {
    const characters = charactersOf(piece);
    if (characters > left) return false;
    left -= characters;
    return true;
  });
  const more = pieces.length - kept.length;
  const longest = Math.min(longestDescription, left - '"description":"…",'.length);
  return {
    ...facts,
    metrics: Object.fromEntries(
      kept.flatMap((piece) => (piece.kind === 'metrics' ? [[piece.name, piece.value]] : [])),
    ),
    tags: Object.fromEntries(
      kept.flatMap((piece) => (piece.kind === 'tags' ? [[piece.name, piece.value]] : [])),
    ),
    ...(more > 0 && { more }),
    ...(description !== null &&
      longest >= Math.min(description.length, shortestDescription) && {
        description: description.length > longest ? `${description.slice(0, longest)}…` : description,
      }),
  };
}

type Piece = { kind: 'metrics'; name: string; value: number } | { kind: 'tags'; name: string; value: string };

/** Including the comma after it. */
function charactersOf({ name, value }: Piece): number {
  return JSON.stringify({ [name]: value }).length - 1;
}
