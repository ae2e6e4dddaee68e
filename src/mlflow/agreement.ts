import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readStored } from '../storage/stored_json.ts';

/**
 * A value that both sides can change (an alias, a tag, a description, a stage): what they last agreed on, and what
 * was sent since without knowing whether it arrived. null: no value.
 */
const cell = z.strictObject({ agreed: z.string().nullable(), sent: z.array(z.string().nullable()) });
export type Cell = z.output<typeof cell>;

/**
 * The cells of a model by name; those of a version are under MLflow's number, so a version that is created again
 * begins without any. Sides never agreed on a cell that is missing.
 */
export type Memory = ReadonlyMap<string, Cell>;

const cells = z.array(z.tuple([z.string(), cell]));

/** @throws INTERNAL when it is damaged */
export function parseMemory(modelId: string, text: string): Memory {
  const of = `the sync of ${modelId} with MLflow`;
  return new Map(readStored(cells, text, { table: 'mlflow_sync', column: 'memory', of }));
}

export function memoryToText(memory: Memory): string {
  return JSON.stringify([...memory].filter(([, { agreed, sent }]) => agreed !== null || sent.length > 0));
}

/**
 * What to do where one side has `ours` and the other `theirs`. `same`: nothing. `write`: ours is newer. `conflict`:
 * somebody else changed the other side.
 */
export function judge(
  ours: string | null,
  theirs: string | null,
  { agreed, sent }: Cell,
): 'same' | 'write' | 'conflict' {
  const [own, other] = [fingerprint(ours), fingerprint(theirs)];
  if (own === other) return 'same';
  return other === agreed || sent.includes(other) ? 'write' : 'conflict';
}

export const neverAgreed: Cell = { agreed: null, sent: [] };

/** Recorded before it is sent: from then on it may have arrived. */
export function withSent({ agreed, sent }: Cell, value: string | null): Cell {
  const mark = fingerprint(value);
  return { agreed, sent: sent.includes(mark) ? sent : [...sent, mark] };
}

/** Both sides have the value. `settled`: no call that was given up can still arrive. */
export function withAgreed({ sent }: Cell, value: string | null, settled: boolean): Cell {
  return { agreed: fingerprint(value), sent: settled ? [] : sent };
}

/** Long texts are stored as their hash. */
function fingerprint(value: string | null): string | null {
  if (value === null || value.length <= 64) return value;
  return `sha256:${createHash('sha256').update(value).digest('hex')}`;
}
