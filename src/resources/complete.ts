import { ModelYardError } from '../errors.ts';
import { isIdentifier } from '../identifier.ts';
import type { Reading } from './reading.ts';

/** The protocol's most. */
const mostValues = 100;

/** An argument that somebody is typing, of a prompt or of a template. */
export interface Typed {
  name: string;
  /** As far as it is typed. */
  value: string;
  /** The arguments that are known already. */
  others: Record<string, string>;
}

export interface Completion {
  values: string[];
  total: number;
  hasMore: boolean;
}

const none: Completion = { values: [], total: 0, hasMore: false };

/** The names of models or versions that begin so; none for other arguments. @throws STORAGE_UNAVAILABLE */
export async function complete(
  { name, value, others }: Typed,
  { ask }: Pick<Reading, 'ask'>,
): Promise<Completion> {
  if (value.length > mostCharacters) return none;
  const { model_id: modelId = '' } = others;
  if (name === 'model_id')
    return completion(await ask(({ registry }) => registry.modelNames(value, mostValues)));
  if (name !== 'version' || !isIdentifier(modelId)) return none;
  try {
    return completion(await ask(({ registry }) => registry.versionNames(modelId, value, mostValues)));
  } catch (error) {
    if (error instanceof ModelYardError && error.code === 'MODEL_NOT_FOUND') return none;
    throw error;
  }
}

/** Of the longest name. */
const mostCharacters = 128;

function completion({ names, total }: { names: string[]; total: number }): Completion {
  return { values: names, total, hasMore: total > names.length };
}
