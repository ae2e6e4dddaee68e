import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { PoolClient } from 'pg';
import { messageOf, systemCodeOf } from '../errors.ts';
import { type SilenceWatch, watchSilence } from './silent_server.ts';

const connections = 10;

/** How long a call waits for a connection, milliseconds. */
const connectingMs = 5_000;
/** How long a server that is asked whether it is there may take to answer, milliseconds. */
const sayingMs = 10_000;

/**
 * How long PostgreSQL may take for a statement before the connection is given up, milliseconds: a server that hangs, or
 * went away without a word, costs errors in bounded time. Limited here and not by the server, which may be the one that
 * hangs (and poolers such as PgBouncer refuse such settings).
 */
const longestStatementMs = 30_000;

export interface PoolLimits {
  statementMs?: number | undefined;
  /**
   * How long the server lets a transaction be without a statement, milliseconds. A process that is cut off in the middle
   * of a change would otherwise hold the model's row, and with it all other changes, for hours, since the server does
   * not learn that it is gone.
   */
  idleMs?: number | undefined;
}

/**
 * Connections to PostgreSQL that may break at any moment. One that is found broken is thrown away; a statement that
 * finds it so and changes nothing by itself is tried again on another. When the server no longer answers, all are
 * thrown away, and no call waits for it until it answers again.
 */
export async function postgresPool(
  connectionString: string,
  { statementMs = longestStatementMs, idleMs }: PoolLimits = {},
): Promise<PostgresPool> {
  const { default: pg } = await import('pg');
  const int8 = pg.types.builtins.INT8;
  const common = { connectionString, keepAlive: true, keepAliveInitialDelayMillis: 10_000 };
  const pool = new pg.Pool({
    ...common,
    max: connections,
    connectionTimeoutMillis: connectingMs,
    query_timeout: statementMs,
    application_name: 'modelyard',
    types: {
      // bigint holds times and counts below 2^53 here: read it as a number, as SQLite does.
      getTypeParser: (oid, format) =>
        oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks, idle or in use, fails what it carries and is replaced by the pool; without a listener of
  // each it would end the process.
  pool.on('error', () => undefined);
  const open = new Set<PoolClient>();
  pool.on('connect', (client) => {
    open.add(client);
    client.on('error', () => undefined);
  });
  pool.on('remove', (client) => open.delete(client));

  /** Whether the server is there: a refused connection is an answer too. */
  const ask = async () => {
    const client = new pg.Client({
      ...common,
      connectionTimeoutMillis: sayingMs,
      query_timeout: sayingMs,
      application_name: 'modelyard (is it there?)',
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
    } catch (error) {
      if (isSilence(error)) throw error;
    } finally {
      client.end().catch(() => undefined);
    }
  };
  const watch = watchSilence(ask, () => {
    for (const client of open) client.end().catch(() => undefined);
  });
  const source: Source = {
    watch,
    idleMs,
    async connect() {
      watch.requireAnswers();
      try {
        return await watch.over(pool.connect());
      } catch (error) {
        throw new ConnectionFailure(error);
      }
    },
  };
  return {
    connect: async () => new ReplaceableClient(source, await source.connect()),
    end() {
      watch.end();
      return pool.end();
    },
  };
}

interface Source {
  watch: SilenceWatch;
  idleMs: number | undefined;
  connect(): Promise<PoolClient>;
}

/** There is no connection, for whatever reason. The code is the SQL standard's for that. */
class ConnectionFailure extends Error {
  readonly code = '08001';

  constructor(cause: unknown) {
    // The message of several addresses that were tried is empty.
    super(messageOf(cause) || systemCodeOf(cause) || 'no answer', { cause });
  }
}

/** Whether an error of pg is a timeout. */
function isSilence(error: unknown): boolean {
  return /timeout|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i.test(messageOf(error));
}

/** A connection in use, which is replaced by another if its first statement finds it broken. */
class ReplaceableClient implements PostgresPoolClient {
  readonly #source: Source;
  /** undefined when it broke and there is no other. */
  #client: PoolClient | undefined;
  #isUsed = false;
  #inTransaction = false;
  #broken: Error | undefined;

  constructor(source: Source, client: PoolClient) {
    this.#source = source;
    this.#client = client;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(cursor: unknown): never;
  async query(sql: unknown, parameters: readonly unknown[] = []): Promise<unknown> {
    if (typeof sql !== 'string') throw new Error('queries are not streamed');
    // Every connection of the pool may be broken; the one after them is a new one.
    let tries = !this.#isUsed && changesNothing(sql) ? connections + 1 : 1;
    this.#isUsed = true;
    for (;;) {
      const client = this.#client;
      // What a transaction had done when its connection broke is rolled back.
      if (client === undefined && isRollback(sql)) return { command: 'ROLLBACK', rowCount: 0, rows: [] };
      if (client === undefined) throw this.#broken ?? new Error('the connection was released');
      try {
        const result = await this.#source.watch.over(
          isBegin(sql) ? client.query(this.#begun(sql)) : client.query(sql, [...parameters]),
        );
        if (isBegin(sql)) this.#inTransaction = true;
        if (isCommit(sql) || isRollback(sql)) this.#inTransaction = false;
        return result;
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        if (!breaksConnection(error)) throw error;
        client.release(true);
        this.#client = undefined;
        this.#broken = error;
        tries--;
        if (tries > 0 && error.message !== timedOut) this.#client = await this.#source.connect();
        else if (wasSent(error) && (this.#inTransaction ? isCommit(sql) : !changesNothing(sql)))
          throw new UnknownOutcome(error);
        else throw error;
      }
    }
  }

  /** The limit is set in each transaction, which works through every pooler. */
  #begun(sql: string): string {
    const { idleMs } = this.#source;
    return idleMs === undefined ? sql : `${sql}; set local idle_in_transaction_session_timeout = ${idleMs}`;
  }

  release(): void {
    this.#client?.release();
    this.#client = undefined;
  }
}

/** The connection broke during a commit: the change is committed or not. The code is the SQL standard's for that. */
class UnknownOutcome extends Error {
  readonly code = '08007';

  constructor(cause: Error) {
    super(`the connection broke while a change was being kept: ${cause.message}`, { cause });
  }
}

/** What pg says of a statement that took longer than query_timeout. */
const timedOut = 'Query read timeout';

/**
 * After an error that the server answered the connection goes on, unless it says that it ends it (the severity is in
 * the server's language, so the codes tell); all others end it. So does a server that no longer accepts changes: after
 * a failover the connection still leads to the old one.
 */
function breaksConnection(error: Error): boolean {
  return !('severity' in error) || ending.test(systemCodeOf(error) ?? '');
}

/** Broken connections, refused ones, a server that ends, limits of idle time, defects of the server; read-only. */
const ending = /^(08|28|3D000|53300|57P|25P0[34]|XX|25006|$)/;

/** A connection that was known to be closed when the statement began: the statement was not carried out. */
function wasSent(error: Error): boolean {
  return !/not queryable/.test(error.message);
}

/** Whether a statement, by itself, changes nothing that outlives its connection. */
function changesNothing(sql: string): boolean {
  return isBegin(sql) || isRollback(sql) || /^\s*select\b/i.test(sql);
}

function isBegin(sql: string): boolean {
  return /^\s*(begin|start transaction)\b/i.test(sql);
}

function isCommit(sql: string): boolean {
  return /^\s*commit\b/i.test(sql);
}

function isRollback(sql: string): boolean {
  return /^\s*rollback\s*$/i.test(sql);
}
