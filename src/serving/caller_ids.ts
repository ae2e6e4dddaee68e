import { createHash } from 'node:crypto';
import { ModelYardError } from '../errors.ts';
import type { JsonRecord } from './codec/records.ts';
import { inputDigest } from './engine/fault.ts';
import type { PredictInput } from './predict_input.ts';

/** A prediction id given by a caller, and its content. */
export interface ClaimedRow {
  predictionId: string;
  /** Digest of the content. */
  digest: string;
}

/** Previous uses of ids: digest of the content, the version that answered, and whether it is logged. */
export type KnownIds = ReadonlyMap<string, { digest: string; version: string; logged: boolean }>;

/** The record of callers' ids, shared by all processes: an id belongs to one content of a model. */
export interface CallerIds {
  /**
   * Claims the ids for their content, all or none.
   * @returns those that were claimed before for the same content.
   * @throws INVALID_INPUT naming those that were used for another content
   */
  claim(of: { modelId: string; version: string; at: number }, rows: readonly ClaimedRow[]): Promise<KnownIds>;
  /** Those of the ids that were claimed before, for any content. */
  known(modelId: string, predictionIds: readonly string[]): Promise<KnownIds>;
  /** Releases claims for which nothing was logged. */
  release(modelId: string, predictionIds: readonly string[]): Promise<void>;
}

/** The longest prediction id that a caller may bring, characters. */
export const maxIdLength = 128;

/**
 * Why a text cannot be a prediction id; undefined when it can. Spaces around it would not survive a file of outcomes.
 */
export function idFault(id: string): string | undefined {
  if (id.length === 0 || id.length > maxIdLength) return `is not 1 to ${maxIdLength} characters long`;
  if (id !== id.trim()) return 'begins or ends with a space';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return /[\u0000-\u001f\u007f]/.test(id) ? 'holds a control character' : undefined;
}

/** @throws INVALID_INPUT unless there is one valid id for each row and none occurs twice */
export function requireIds(ids: readonly string[], rows: number): void {
  if (ids.length !== rows)
    throw new ModelYardError(
      'INVALID_INPUT',
      `prediction_ids has ${ids.length} ids for ${rows} rows.`,
      'Give one id for each row, in their order.',
    );
  const seen = new Map<string, number>();
  for (const [index, id] of ids.entries()) {
    const fault = idFault(id);
    const first = seen.get(id);
    if (fault !== undefined || first !== undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        `prediction_ids[${index}] ${fault ?? `is the same as prediction_ids[${first}]`}: ${JSON.stringify(id.slice(0, 60))}.`,
        'Give each row an id of its own.',
      );
    seen.set(id, index);
  }
}

/** A digest that is equal for equal JSON. */
export function digestOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
}

/** The ids of rows that were used before for other content. */
export function usedForOthers(rows: readonly ClaimedRow[], known: KnownIds): string[] {
  return rows.flatMap(({ predictionId, digest }) => {
    const use = known.get(predictionId);
    return use === undefined || use.digest === digest ? [] : [predictionId];
  });
}

const shownIds = 3;

export function usedBefore(modelId: string, ids: readonly string[]): ModelYardError {
  const shown = ids.slice(0, shownIds).map((id) => JSON.stringify(id));
  return new ModelYardError(
    'INVALID_INPUT',
    `${ids.length === 1 ? 'A prediction id was' : `${ids.length} prediction ids were`} used before for another prediction of ${modelId}: ${shown.join(', ')}${ids.length > shownIds ? ', …' : ''}.`,
    'Give each prediction an id of its own; list_predictions shows what an id stands for. Nothing was logged.',
  );
}

/** Digest of a record and its entity key, independent of the version that answers. */
export function recordDigest(record: JsonRecord, entityKey: string | null): string {
  return digestOf([entityKey, Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** The same for each row of a call. */
export function rowDigests(input: PredictInput, rows: number, entityKey: string | undefined): string[] {
  if (input.kind === 'records') return input.records.map((record) => recordDigest(record, entityKey ?? null));
  const tensors =
    input.kind === 'typed'
      ? inputDigest(new Map(byName(input.tensors)))
      : digestOf(byName<unknown>(input.tensors));
  return Array.from({ length: rows }, (_, row) => digestOf([entityKey ?? null, tensors, row]));
}

function byName<T>(named: ReadonlyMap<string, T>): [string, T][] {
  return [...named].sort(([a], [b]) => (a < b ? -1 : 1));
}
