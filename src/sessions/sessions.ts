import type { Database } from '../storage/database.ts';
import { listLinks, rememberLinks, type SessionLink } from './links.ts';
import { leaveMessage, readMessages, removeMessage, type WaitingMessage } from './mailbox.ts';
import {
  createSession,
  endSession,
  type NewSession,
  noteUse,
  readSessions,
  type StoredSession,
  setLogLevel,
  setStream,
} from './stored_sessions.ts';

export type { StoredSession } from './stored_sessions.ts';

/** Sessions of MCP over HTTP as all processes of the store know them. */
export interface Sessions {
  /** @throws LIMIT_EXCEEDED when there are as many as may be, and all are in use */
  create(session: NewSession): Promise<StoredSession>;
  /** Those that there still are, by their ids. */
  read(ids: readonly string[]): Promise<Map<string, StoredSession>>;
  /** Notes that they are in use, where that was not noted within the last minute. */
  noteUse(sessions: readonly StoredSession[]): Promise<void>;
  setLogLevel(sessionId: string, level: string): Promise<void>;
  /** Makes this the stream that messages of the session go to. */
  setStream(sessionId: string, stream: string): Promise<void>;
  end(sessionId: string): Promise<void>;
  /** Leaves a message for the process that it concerns. @throws LIMIT_EXCEEDED when it is too long */
  leaveMessage(sessionId: string, message: string): Promise<void>;
  /** What waits for any process that does something for these sessions, the oldest first. */
  readMessages(ids: readonly string[]): Promise<WaitingMessage[]>;
  removeMessage(messageId: string): Promise<void>;
  rememberLinks(sessionId: string, links: readonly SessionLink[]): Promise<void>;
  /** The newest first, at most 1000. */
  listLinks(sessionId: string): Promise<SessionLink[]>;
}

export function openSessions({ database, clock }: { database: Database; clock: () => number }): Sessions {
  return {
    create: (session) => createSession(database, session, clock()),
    read: (ids) => readSessions(database, ids, clock()),
    noteUse: (sessions) => noteUse(database, sessions, clock()),
    setLogLevel: (sessionId, level) => setLogLevel(database, sessionId, level),
    setStream: (sessionId, stream) => setStream(database, sessionId, stream),
    end: (sessionId) => endSession(database, sessionId),
    leaveMessage: (sessionId, message) => leaveMessage(database, sessionId, message, clock()),
    readMessages: (ids) => readMessages(database, ids),
    removeMessage: (messageId) => removeMessage(database, messageId),
    rememberLinks: (sessionId, links) => rememberLinks(database, sessionId, links, clock()),
    listLinks: (sessionId) => listLinks(database, sessionId),
  };
}
