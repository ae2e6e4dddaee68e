import { isMainThread } from 'node:worker_threads';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SelectQueryNode,
} from 'kysely';
import type { FileIdentity } from './file_identity.ts';
import { leaveSqlite } from './leave_sqlite.ts';
import type { SqliteHandle } from './sqlite_handle.ts';
import { type OpenReader, type Patience, SqliteHandles } from './sqlite_handles.ts';
import { wantedNow } from './wanted.ts';

export interface SqliteFile {
  openWriter(): Promise<SqliteHandle>;
  /** undefined for a database in memory, which each handle has its own of. */
  openReader: OpenReader | undefined;
  identity: FileIdentity | undefined;
  patience: Patience;
}

/**
 * Runs statements of SQLite on two handles of one file. Reads go to the first, which never waits for a writer. Changes
 * and transactions take turns on the second.
 */
export class SqliteDriver implements Driver {
  readonly #file: SqliteFile;
  #handles: SqliteHandles | undefined;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  async init(): Promise<void> {
    const { openWriter, openReader, patience } = this.#file;
    this.#handles = new SqliteHandles(await openWriter(), openReader, patience);
  }

  async acquireConnection(): Promise<SqliteConnection> {
    if (this.#handles === undefined) throw new Error('the database is not open');
    return new SqliteConnection(this.#handles, wantedNow());
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** Nothing is committed to a file that is no longer in its place. */
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    this.#file.identity?.require();
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  releaseConnection(connection: SqliteConnection): Promise<void> {
    return connection.release();
  }

  async destroy(): Promise<void> {
    // When a thread closes its handles, the process still has others.
    const isLast = isMainThread && this.#file.identity?.fault() === undefined;
    await this.#handles?.close(isLast ? leaveSqlite : undefined);
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #handles: SqliteHandles;
  /** Aborted when the change that waits for its transaction is no longer wanted. */
  #wanted: AbortSignal | undefined;
  /** Ends this connection's turn on the writer, while it has one. */
  #endTurn: (() => void) | undefined;

  constructor(handles: SqliteHandles, wanted: AbortSignal | undefined) {
    this.#handles = handles;
    this.#wanted = wanted;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>>;
  async executeQuery(query: CompiledQuery): Promise<QueryResult<unknown>> {
    const handles = this.#handles;
    if (this.#endTurn === undefined && handles.hasReader && isRead(query)) return handles.read(query);
    const since = performance.now();
    this.#endTurn ??= await handles.takeTurn(this.#wanted);
    try {
      return await handles.write(query, since, this.#wanted);
    } finally {
      // A statement that has begun is carried out.
      this.#wanted = undefined;
      // A transaction keeps its turn until it ends.
      if (!handles.inTransaction) this.#end();
    }
  }

  // biome-ignore lint/correctness/useYield: nothing here streams.
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('queries are not streamed');
  }

  async release(): Promise<void> {
    if (this.#endTurn === undefined) return;
    try {
      await this.#handles.rollBack();
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#endTurn?.();
    this.#endTurn = undefined;
  }
}

/** Everything but a plain SELECT takes a turn, since it may change something. */
function isRead({ query, sql }: CompiledQuery): boolean {
  return SelectQueryNode.is(query) || /^\s*select\b/i.test(sql);
}
