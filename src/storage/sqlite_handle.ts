import { isMainThread } from 'node:worker_threads';
import type { CompiledQuery, QueryResult } from 'kysely';
import LibsqlDatabase from 'libsql';
import AwaitedDatabase from 'libsql/promise';
import { inNativeCode } from '../native_calls.ts';

/** A handle of SQLite, for one statement at a time. Using it after it is closed aborts the process. */
export interface SqliteHandle {
  readonly inTransaction: boolean;
  /** Runs a statement without rows and without parameters, and leaves nothing prepared behind. */
  exec(sql: string): Promise<void>;
  run(query: CompiledQuery): Promise<QueryResult<unknown>>;
  close(): void;
}

/**
 * Opens a handle. On the main thread, what may wait for the disk (a commit, with the checkpoint that it may cause) or
 * for other processes runs in libsql's own threads, so that the event loop goes on. The main thread itself runs
 * changes without rows inside a transaction, which wait for nothing, and reads the rows after the first ones. In a
 * worker thread of ours, statements run on that thread: libsql aborts the process when a thread is ended that awaits a
 * statement, whereas one that runs its statements itself is ended between two of them.
 */
export function openHandle(file: string): SqliteHandle {
  return isMainThread ? awaitingHandle(file) : holdingHandle(file);
}

/** What libsql's own types leave open. */
interface AwaitedStatement {
  reader: boolean;
  all(parameters: readonly unknown[]): Promise<unknown[]>;
  run(parameters: readonly unknown[]): LibsqlDatabase.RunResult;
}

function awaitingHandle(file: string): SqliteHandle {
  const database = new AwaitedDatabase(file, { timeout: 0 });
  const statements = preparedStatements<AwaitedStatement>();
  return {
    get inTransaction() {
      return 'inTransaction' in database && database.inTransaction === true;
    },
    exec: (sql) => database.exec(sql),
    async run({ sql, parameters }) {
      const statement: AwaitedStatement = statements.take(sql) ?? (await database.prepare(sql));
      const result: QueryResult<unknown> = statement.reader
        ? { rows: await statement.all(parameters) }
        : changesOf(statement.run(parameters));
      statements.keep(sql, statement);
      return result;
    },
    close() {
      statements.forget();
      database.close();
    },
  };
}

function holdingHandle(file: string): SqliteHandle {
  const database = inNativeCode(() => new LibsqlDatabase(file, { timeout: 0 }));
  const statements = preparedStatements<LibsqlDatabase.Statement>();
  return {
    get inTransaction() {
      return inNativeCode(() => database.inTransaction);
    },
    async exec(sql) {
      inNativeCode(() => database.exec(sql));
    },
    run: async ({ sql, parameters }) =>
      inNativeCode(() => {
        const statement = statements.take(sql) ?? database.prepare(sql);
        const result = statement.reader
          ? { rows: statement.all(parameters) }
          : changesOf(statement.run(parameters));
        statements.keep(sql, statement);
        return result;
      }),
    close() {
      statements.forget();
      inNativeCode(() => database.close());
    },
  };
}

/** Statements that one handle keeps prepared, and the longest of them, characters: a list of a thousand ids rarely comes again. */
const maxPrepared = 100;
const longestPrepared = 10_000;

/**
 * The statements that a handle has prepared and run, by their SQL: preparing one costs more than running most. One that
 * failed is not kept, since it may still be open.
 */
function preparedStatements<Statement>() {
  const kept = new Map<string, Statement>();
  return {
    /** Takes it out for as long as it runs. */
    take(sql: string): Statement | undefined {
      const statement = kept.get(sql);
      kept.delete(sql);
      return statement;
    },
    /** Keeps one that has ended, as the one that was used last. */
    keep(sql: string, statement: Statement): void {
      if (sql.length > longestPrepared) return;
      kept.set(sql, statement);
      if (kept.size <= maxPrepared) return;
      for (const leastRecent of kept.keys()) {
        kept.delete(leastRecent);
        return;
      }
    },
    forget: () => kept.clear(),
  };
}

function changesOf({ changes, lastInsertRowid }: LibsqlDatabase.RunResult): QueryResult<unknown> {
  return { numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid), rows: [] };
}
