import { z } from 'zod';
import type { ResourceLink } from '../../tools/define_tool.ts';
import { pageCursor, readPageCursor } from '../page_cursor.ts';
import { fixedResources, modelResource } from './declared.ts';
import type { Reading } from './reading.ts';

const pageLength = 100;

/** How many of the session's files were listed, or the last model that was. */
const position = z.union([
  z.tuple([z.literal('files'), z.int().min(0).max(100_000)]),
  z.tuple([z.literal('models'), z.string()]),
]);

interface ResourcePage {
  resources: { uri: string; name: string; mimeType: string; title?: string; description?: string }[];
  nextCursor?: string;
}

/**
 * What there is to read, a page at a time: what there always is, the files that the session's answers link to, the models.
 *
 * @throws INVALID_INPUT for a cursor that was not given out, STORAGE_UNAVAILABLE
 */
export async function listResources(
  cursor: string | undefined,
  { ask, links }: Pick<Reading, 'ask'> & { links: () => Promise<ResourceLink[]> },
): Promise<ResourcePage> {
  const [kind, from] =
    cursor === undefined
      ? ['files' as const, 0]
      : readPageCursor(position, cursor, { tool: 'resources/list' });
  const resources: ResourcePage['resources'] = cursor === undefined ? [...fixedResources] : [];
  let after: string | undefined;
  if (kind === 'models') after = from;
  else {
    const all = await links();
    const some = all.slice(from, from + pageLength - resources.length);
    resources.push(...some);
    const end = from + some.length;
    if (end < all.length) return { resources, nextCursor: pageCursor(['files', end]) };
  }
  const limit = pageLength - resources.length;
  // The page is full, and whether there are models is for the next to say.
  if (limit <= 0) return { resources, nextCursor: pageCursor(['models', '']) };
  const { models, next } = await ask(({ registry }) => registry.list({ limit, after }));
  resources.push(...models.map(({ modelId, description }) => modelResource(modelId, description)));
  return next === null ? { resources } : { resources, nextCursor: pageCursor(['models', next]) };
}
