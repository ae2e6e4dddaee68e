import { isIdentifier } from '../identifier.ts';

/** What the URI of a resource names. */
export type Address =
  | { kind: 'models' | 'alerts'; cursor: string | undefined }
  | { kind: 'rollouts' }
  | { kind: 'model' | 'health' | 'drift'; modelId: string }
  | { kind: 'version'; modelId: string; version: string };

const scheme = 'modelyard://';

export const addresses = {
  models: (cursor?: string) => `${scheme}models${cursor === undefined ? '' : `?cursor=${cursor}`}`,
  alerts: (cursor?: string) => `${scheme}alerts${cursor === undefined ? '' : `?cursor=${cursor}`}`,
  rollouts: `${scheme}rollouts`,
  model: (modelId: string) => `${scheme}models/${modelId}`,
  health: (modelId: string) => `${scheme}models/${modelId}/health`,
  drift: (modelId: string) => `${scheme}models/${modelId}/drift/latest`,
  version: (modelId: string, version: string) => `${scheme}models/${modelId}/versions/${version}`,
} as const;

/** As a cursor is written (src/page_cursor.ts). */
const cursorForm = /^[A-Za-z0-9_-]{1,2000}$/;

/** Whether it is one of ours, whatever it names. */
export function isOurs(uri: string): boolean {
  return uri.startsWith(scheme);
}

/** @returns undefined for a URI of no form that there is */
export function readAddress(uri: string): Address | undefined {
  if (!isOurs(uri)) return undefined;
  const [path = '', query] = uri.slice(scheme.length).split('?', 2);
  const parts = decoded(path);
  if (parts === undefined) return undefined;
  const [kind, modelId, part, name] = parts;
  if (modelId === undefined) {
    if (kind === 'rollouts' && query === undefined) return { kind };
    if (kind !== 'models' && kind !== 'alerts') return undefined;
    if (query === undefined) return { kind, cursor: undefined };
    const [, cursor] = /^cursor=(.*)$/.exec(query) ?? [];
    return cursor !== undefined && cursorForm.test(cursor) ? { kind, cursor } : undefined;
  }
  if (kind !== 'models' || query !== undefined || !isIdentifier(modelId)) return undefined;
  if (parts.length === 2) return { kind: 'model', modelId };
  if (parts.length === 3 && part === 'health') return { kind: 'health', modelId };
  if (parts.length !== 4 || name === undefined) return undefined;
  if (part === 'drift' && name === 'latest') return { kind: 'drift', modelId };
  if (part === 'versions' && isIdentifier(name)) return { kind: 'version', modelId, version: name };
  return undefined;
}

function decoded(path: string): string[] | undefined {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
