import { setTimeout } from 'node:timers/promises';
import type { CompiledQuery, QueryResult } from 'kysely';
import { systemCodeOf } from '../errors.ts';
import type { SqliteHandle } from './sqlite_handle.ts';
import { untilUnwanted } from './wanted.ts';

/** How long a statement waits for another process's write before it fails, milliseconds. */
export const patienceMs = 10_000;

/** How long a statement waits; closing a database shortens it. */
export interface Patience {
  ms: number;
}

export type OpenReader = () => Promise<SqliteHandle>;

/** How long statements follow one another before the event loop has a turn, milliseconds. */
const longestTurnMs = 5;

/**
 * The two handles, and whose turn it is on the one that changes things. SQLite's own way to wait for the lock of another
 * process holds the thread; here a statement that finds the file busy is tried again later, and the thread does other
 * work meanwhile.
 */
export class SqliteHandles {
  readonly #writer: SqliteHandle;
  readonly #openReader: OpenReader | undefined;
  readonly #patience: Patience;
  #reader: SqliteHandle | undefined;
  /** The last statement on the reader. */
  #reading: Promise<unknown> = Promise.resolve();
  #turn: Promise<void> = Promise.resolve();
  #lastDone = 0;
  #closed = false;
  #isWriterClosed = false;
  /** The last statement on the writer; a handle is closed when none runs. */
  #running: Promise<unknown> = Promise.resolve();
  /** When the first statement of this turn of the event loop ran. */
  #turnBegan: number | undefined;

  constructor(writer: SqliteHandle, openReader: OpenReader | undefined, patience: Patience) {
    this.#writer = writer;
    this.#openReader = openReader;
    this.#patience = patience;
  }

  /** Using a closed handle aborts the process. */
  get inTransaction(): boolean {
    return !this.#isWriterClosed && this.#writer.inTransaction;
  }

  get hasReader(): boolean {
    return this.#openReader !== undefined;
  }

  /**
   * Waits for the writer.
   * @param wanted aborted when the change is no longer wanted
   * @returns what ends the turn
   * @throws CANCELLED at once when the change is no longer wanted
   */
  async takeTurn(wanted: AbortSignal | undefined): Promise<() => void> {
    const before = this.#turn;
    let end: () => void = () => undefined;
    this.#turn = new Promise((resolve) => {
      end = resolve;
    });
    try {
      await untilUnwanted(before, wanted);
    } catch (error) {
      // Those behind it go on waiting for those before it.
      void before.then(end);
      throw error;
    }
    return end;
  }

  /** Reads outside transactions: what is committed when the statement begins. */
  read(query: CompiledQuery): Promise<QueryResult<unknown>> {
    return this.#patiently(performance.now(), () => this.#onReader(query));
  }

  /** One after the other: statements that overlap on one handle would all see what the first of them sees. */
  #onReader(query: CompiledQuery): Promise<QueryResult<unknown>> {
    const reading = this.#reading.then(async () => {
      if (this.#closed) throw new Error('the database was closed');
      this.#reader ??= await this.#openReader?.();
      const reader = this.#reader;
      if (reader === undefined) throw new Error('the database is not open');
      try {
        return await reader.run(query);
      } catch (error) {
        // A statement that found the file busy stays open, and would keep the handle from seeing later changes.
        if (isBusy(error)) {
          this.#reader = undefined;
          reader.close();
        }
        throw error;
      }
    });
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /**
   * Runs a statement on the writer. What may find the file busy is run without leaving a statement behind: an open one
   * that has begun to write makes the next commit fail.
   * @param since when the wait for the turn began
   * @param wanted aborted when the change is no longer wanted: what waits for the lock of another process gives up
   */
  async write(
    query: CompiledQuery,
    since: number,
    wanted: AbortSignal | undefined,
  ): Promise<QueryResult<unknown>> {
    const { sql, parameters } = query;
    const exec = (statement: string) =>
      this.#patiently(
        since,
        async () => {
          await this.#onWriter((writer) => writer.exec(statement));
          this.#lastDone = performance.now();
        },
        wanted,
      );
    if (isControl(sql)) {
      await exec(sql);
      return { rows: [] };
    }
    if (this.inTransaction) return this.#onWriter((writer) => writer.run(query));
    // A pragma that reads answers with rows; one that sets something changes the file.
    if (isReadingPragma(sql))
      return this.#patiently(since, () => this.#onWriter((writer) => writer.run(query)));
    if (parameters.length === 0 && !isRowChange(query)) {
      await exec(sql);
      return { rows: [] };
    }
    await exec('begin immediate');
    try {
      const result = await this.#onWriter((writer) => writer.run(query));
      await exec('commit');
      return result;
    } catch (error) {
      await this.rollBack();
      throw error;
    }
  }

  /** Closing the handle does it too. */
  async rollBack(): Promise<void> {
    if (this.inTransaction && !this.#closed) await this.#onWriter((writer) => writer.exec('rollback'));
  }

  /** One after another, even if a transaction does not await each of its statements. */
  #onWriter<T>(statement: (writer: SqliteHandle) => Promise<T>): Promise<T> {
    const running = this.#running.then(() => {
      if (this.#closed) throw new Error('the database was closed');
      return statement(this.#writer);
    });
    this.#running = running.catch(() => undefined);
    return running;
  }

  /**
   * Tries again while the file is busy. All that queue behind a lock that is never released fail together: the first
   * of them has waited for as long as the file has been busy. What is no longer wanted gives up.
   */
  async #patiently<T>(since: number, attempt: () => Promise<T>, wanted?: AbortSignal): Promise<T> {
    for (;;) {
      await this.#breathe();
      if (this.#closed) throw new Error('the database was closed');
      try {
        return await attempt();
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (performance.now() > Math.max(since, this.#lastDone) + this.#patience.ms) throw error;
      }
      await untilUnwanted(setTimeout(1 + 14 * Math.random()), wanted);
    }
  }

  /**
   * SQLite answers at once, so that calls which are queued would follow one another without a turn of the event loop
   * between them: after some milliseconds the others have theirs.
   */
  async #breathe(): Promise<void> {
    while (this.#turnBegan !== undefined && performance.now() - this.#turnBegan > longestTurnMs)
      await new Promise((resolve) => setImmediate(resolve));
    if (this.#turnBegan !== undefined) return;
    this.#turnBegan = performance.now();
    setImmediate(() => {
      this.#turnBegan = undefined;
    });
  }

  /** What still waits fails. @param leave what is done with the writer last */
  async close(leave: ((writer: SqliteHandle) => Promise<void>) | undefined): Promise<void> {
    this.#closed = true;
    await this.#reading;
    this.#reader?.close();
    await this.#running;
    await leave?.(this.#writer);
    this.#isWriterClosed = true;
    this.#writer.close();
  }
}

/** A transaction that has read something that was changed since can never continue. */
function isBusy(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code?.startsWith('SQLITE_BUSY') === true && code !== 'SQLITE_BUSY_SNAPSHOT';
}

function isControl(sql: string): boolean {
  return /^\s*(begin|commit|rollback|end)\b/i.test(sql);
}

function isReadingPragma(sql: string): boolean {
  return /^\s*pragma\b[^=]*$/i.test(sql);
}

function isRowChange({ query, sql }: CompiledQuery): boolean {
  return query.kind === 'RawNode'
    ? !/^\s*(create|drop|alter|vacuum|pragma)\b/i.test(sql)
    : rowChanges.has(query.kind);
}

const rowChanges: ReadonlySet<string> = new Set([
  'InsertQueryNode',
  'UpdateQueryNode',
  'DeleteQueryNode',
  'SelectQueryNode',
]);
