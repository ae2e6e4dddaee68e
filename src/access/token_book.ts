import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { TokenRow } from '../storage/schema.ts';
import { storageError } from '../storage/storage_error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isToken, listTokens, stateOf, type TokenState, tokenIdIn, tokenIdWithin } from './tokens.ts';

/** From this age on what is known is read anew, beside the calls that go on with it, milliseconds. */
const freshForMs = 400;
/** Older knowledge admits nobody: a token that was revoked ends within a second. */
const usableForMs = 800;
/** How long a call waits for a database that does not answer before it goes on with what was known. */
const patienceMs = 1000;
/** A token that is not known may have been made since: what is known is read anew for it, this seldom at most, milliseconds. */
const newTokensEveryMs = 50;
/** How seldom the last use of a token is written. */
const noteEveryMs = 60_000;

/** What this process knows of the tokens. */
export interface TokenBook {
  /**
   * Makes what is known recent enough. While the database is away, what was known last.
   * @param text a token that is to be found, or a header with one
   * @throws STORAGE_UNAVAILABLE
   */
  refresh(text?: string): Promise<void>;
  /** Whether what is known is recent enough, of that token too. */
  isFresh(text?: string): boolean;
  /** Whether there are tokens, or were. */
  hasTokens(): boolean;
  /** Whether callers with the token of that name still come in; null: callers without one. */
  isAdmitted(name: string | null): boolean;
  /** Who has this token, and whether it may still be used; undefined: nobody. */
  find(text: string): { name: string; role: TokenRow['role']; state: TokenState } | undefined;
}

export function tokenBook({
  database,
  clock,
  logger,
}: {
  database: Database;
  clock: () => number;
  logger: Logger;
}): TokenBook {
  let byId: ReadonlyMap<string, TokenRow> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  /** Until when nobody waits for a database that did not answer, by performance.now(). */
  let goesOnUntil = Number.NEGATIVE_INFINITY;
  const notedAt = new Map<string, number>();

  const read = () => {
    const began = performance.now();
    reading ??= listTokens(database)
      .then((rows) => {
        byId = new Map(rows.map((row) => [row.token_id, row]));
        readAt = began;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const hasTokens = () => byId === undefined || byId.size > 0;
  const age = () => performance.now() - readAt;
  const mayBeNew = (text: string | undefined) => {
    const id = text === undefined ? undefined : tokenIdWithin(text);
    return id !== undefined && byId?.has(id) !== true && age() >= newTokensEveryMs;
  };
  const isFresh = (text?: string) =>
    performance.now() < goesOnUntil || (age() < freshForMs && !mayBeNew(text));

  const noteUse = (row: TokenRow) => {
    const now = clock();
    const last = notedAt.get(row.token_id) ?? row.last_used_at ?? Number.NEGATIVE_INFINITY;
    if (now - last < noteEveryMs) return;
    notedAt.set(row.token_id, now);
    database
      .updateTable('tokens')
      .set({ last_used_at: now })
      .where('token_id', '=', row.token_id)
      .execute()
      .catch((error: unknown) => logger.debug('the last use of a token could not be written', { error }));
  };

  return {
    async refresh(text) {
      if (isFresh(text)) return;
      const underWay = read();
      if (age() < usableForMs && !mayBeNew(text)) {
        underWay.catch(() => undefined);
        return;
      }
      try {
        await (byId === undefined ? underWay : inTime(underWay));
        if (age() > usableForMs) goesOnUntil = performance.now() + freshForMs;
      } catch (error) {
        const reason = storageError(error);
        const isAway = reason instanceof ModelYardError && reason.code === 'STORAGE_UNAVAILABLE';
        if (!isAway || byId === undefined) throw reason;
        goesOnUntil = performance.now() + freshForMs;
      }
    },
    isFresh,
    hasTokens,
    isAdmitted(name) {
      if (name === null) return !hasTokens();
      const row = [...(byId?.values() ?? [])].find((one) => one.name === name);
      return row !== undefined && stateOf(row, clock()) === 'valid';
    },
    find(text) {
      const row = byId?.get(tokenIdIn(text) ?? '');
      if (row === undefined || !isToken(row, text)) return undefined;
      const state = stateOf(row, clock());
      if (state === 'valid') noteUse(row);
      return { name: row.name, role: row.role, state };
    },
  };
}

/** Waits for a reading, but not for a database that hangs. */
async function inTime(reading: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  try {
    await Promise.race([reading, patience]);
  } finally {
    clearTimeout(timer);
    reading.catch(() => undefined);
  }
}
