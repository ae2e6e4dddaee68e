import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * Of one thing that both sides can change (an alias, a tag, a description, a stage): what they last agreed on, and
 * what was sent since without our knowing whether it arrived. null: nothing is there.
 */
const cell = z.strictObject({ agreed: z.string().nullable(), sent: z.array(z.string().nullable()) });
export type Cell = z.output<typeof cell>;

/**
 * The cells of a model by name, those of a version under MLflow's number: one that is made anew begins without
 * memories. What is not there was never agreed on.
 */
export type Memory = ReadonlyMap<string, Cell>;

export function parseMemory(text: string): Memory {
  return new Map(z.array(z.tuple([z.string(), cell])).parse(JSON.parse(text)));
}

export function memoryToText(memory: Memory): string {
  return JSON.stringify([...memory].filter(([, { agreed, sent }]) => agreed !== null || sent.length > 0));
}

/**
 * What to do where one side says `ours` and the other `theirs`: `same`, nothing; `write`, ours is the newer one;
 * `conflict`, the other side was changed by somebody else.
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

/** Before it is sent: from now on it may be there. */
export function withSent({ agreed, sent }: Cell, value: string | null): Cell {
  const mark = fingerprint(value);
  return { agreed, sent: sent.includes(mark) ? sent : [...sent, mark] };
}

/** Both sides say the same. `settled`: no call that was given up can arrive any more. */
export function withAgreed({ sent }: Cell, value: string | null, settled: boolean): Cell {
  return { agreed: fingerprint(value), sent: settled ? [] : sent };
}

/** Long texts are remembered by their hash. */
function fingerprint(value: string | null): string | null {
  if (value === null || value.length <= 64) return value;
  return `sha256:${createHash('sha256').update(value).digest('hex')}`;
}
