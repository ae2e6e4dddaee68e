import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { McpSessionRow, Tables } from '../storage/schema.ts';

/** A session as every process of the store knows it. */
export interface StoredSession {
  readonly sessionId: string;
  /** Whose token began it; empty: it was begun without one. */
  readonly owner: string;
  readonly client: { readonly name: string; readonly version: string };
  readonly protocolVersion: string;
  /** Whether the client said that it can ask the person at it. */
  readonly canAsk: boolean;
  readonly logLevel: string | undefined;
  /** Which of its streams messages go to; a newer one takes the place of an older. */
  readonly stream: string | undefined;
  readonly lastSeenAt: number;
}

export type NewSession = Pick<StoredSession, 'owner' | 'client' | 'protocolVersion' | 'canAsk'>;

/** How many sessions there may be, and how long one stays that nobody uses. Times in milliseconds. */
export interface SessionLimits {
  ofOneOwner: number;
  inAll: number;
  idleMs: number;
  /** One that was used less long ago does not make room for another. */
  keptMs: number;
}

const sessionLimits: SessionLimits = {
  ofOneOwner: 200,
  inAll: 2000,
  idleMs: 24 * 3_600_000,
  keptMs: 15 * 60_000,
};

/** How often at most it is written down that a session is in use, milliseconds. */
const seenMs = 60_000;

/**
 * Begins a session. Where there are as many as may be, the one that was used longest ago makes room.
 * @throws LIMIT_EXCEEDED when all of them are in use
 */
export function createSession(
  database: Database,
  session: NewSession,
  now: number,
  limits: SessionLimits = sessionLimits,
): Promise<StoredSession> {
  const { owner, client, protocolVersion, canAsk } = session;
  return database.transaction().execute(async (transaction) => {
    await transaction
      .deleteFrom('mcp_sessions')
      .where('last_seen_at', '<', now - limits.idleMs)
      .execute();
    const kept = now - limits.keptMs;
    const hasRoom =
      (await makeRoom(transaction, limits.ofOneOwner, kept, owner)) &&
      (await makeRoom(transaction, limits.inAll, kept));
    if (!hasRoom)
      throw new ModelYardError(
        'LIMIT_EXCEEDED',
        `There are too many MCP sessions at once: ${limits.ofOneOwner} for one token and ${limits.inAll} in all may be in use.`,
        'End sessions that are done with (DELETE), use one session for many calls, or try again in a quarter of an hour.',
        { retryable: true },
      );
    const row: McpSessionRow = {
      session_id: randomUUID(),
      owner,
      client_name: client.name,
      client_version: client.version,
      protocol_version: protocolVersion,
      can_ask: canAsk ? 1 : 0,
      log_level: null,
      stream: null,
      created_at: now,
      last_seen_at: now,
    };
    await transaction.insertInto('mcp_sessions').values(row).execute();
    return sessionOf(row);
  });
}

/** Ends sessions, the longest unused first, until one more may begin. @returns whether it may */
async function makeRoom(
  transaction: Kysely<Tables>,
  most: number,
  kept: number,
  owner?: string,
): Promise<boolean> {
  let all = transaction.selectFrom('mcp_sessions');
  if (owner !== undefined) all = all.where('owner', '=', owner);
  const { count } = await all
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .executeTakeFirstOrThrow();
  const surplus = Number(count) - most + 1;
  if (surplus <= 0) return true;
  const unused = await all
    .select('session_id')
    .where('last_seen_at', '<', kept)
    .orderBy('last_seen_at')
    .limit(surplus)
    .execute();
  if (unused.length < surplus) return false;
  const ids = unused.map(({ session_id }) => session_id);
  await transaction.deleteFrom('mcp_sessions').where('session_id', 'in', ids).execute();
  return true;
}

/** Those of the sessions that there still are, by their ids. */
export async function readSessions(
  database: Database,
  ids: readonly string[],
  now: number,
): Promise<Map<string, StoredSession>> {
  if (ids.length === 0) return new Map();
  const rows = await database
    .selectFrom('mcp_sessions')
    .selectAll()
    .where('session_id', 'in', ids)
    .where('last_seen_at', '>=', now - sessionLimits.idleMs)
    .execute();
  return new Map(rows.map((row) => [row.session_id, sessionOf(row)]));
}

/** Notes that the sessions are in use, where that was not noted within the last minute. */
export async function noteUse(
  database: Database,
  sessions: readonly StoredSession[],
  now: number,
): Promise<void> {
  const ids = sessions.filter(({ lastSeenAt }) => now - lastSeenAt > seenMs).map((one) => one.sessionId);
  if (ids.length > 0)
    await database
      .updateTable('mcp_sessions')
      .set({ last_seen_at: now })
      .where('session_id', 'in', ids)
      .execute();
}

export async function setLogLevel(database: Database, sessionId: string, level: string): Promise<void> {
  await database
    .updateTable('mcp_sessions')
    .set({ log_level: level })
    .where('session_id', '=', sessionId)
    .execute();
}

/** Makes this the stream that messages of the session go to. */
export async function setStream(database: Database, sessionId: string, stream: string): Promise<void> {
  await database.updateTable('mcp_sessions').set({ stream }).where('session_id', '=', sessionId).execute();
}

export async function endSession(database: Database, sessionId: string): Promise<void> {
  await database.deleteFrom('mcp_sessions').where('session_id', '=', sessionId).execute();
}

function sessionOf(row: McpSessionRow): StoredSession {
  return {
    sessionId: row.session_id,
    owner: row.owner,
    client: { name: row.client_name, version: row.client_version },
    protocolVersion: row.protocol_version,
    canAsk: row.can_ask === 1,
    logLevel: row.log_level ?? undefined,
    stream: row.stream ?? undefined,
    lastSeenAt: row.last_seen_at,
  };
}
