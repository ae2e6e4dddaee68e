import type { Caller } from '../../access/roles.ts';
import { createServer, type ModelYardServer, type ServerDependencies } from '../../server.ts';
import type { Sessions, StoredSession } from '../../sessions/sessions.ts';
import { type StreamableHttpTransport, streamableHttpTransport } from '../../transports/streamable_http.ts';

/** A session as one process answers it. */
export interface LiveSession {
  server: ModelYardServer['server'];
  transport: StreamableHttpTransport;
  /** As it was last read from the database. */
  stored: StoredSession;
  /** The stream that listens here for what is told outside of calls; undefined: none does. */
  stream: string | undefined;
  /** When its client last sent something here, milliseconds since 1970. */
  usedAt: number;
}

export interface OpeningDependencies
  extends Pick<
    ServerDependencies,
    'catalogue' | 'toolList' | 'services' | 'roots' | 'toolsets' | 'askTimeoutMs' | 'logger'
  > {
  sessions: Sessions;
  clock: () => number;
}

/**
 * Makes a server for a session, before its initialize.
 * @param ended called when the client has ended the session
 */
export async function openSession(
  { sessions, clock, ...dependencies }: OpeningDependencies,
  stored: StoredSession,
  caller: Caller,
  ended: () => void,
): Promise<LiveSession> {
  const { sessionId } = stored;
  const closed = new AbortController();
  const { server, directCalls, prepare } = createServer({
    ...dependencies,
    needed: () => undefined,
    caller,
    inputEnded: closed.signal,
    shared: {
      links: {
        remember: (links) => sessions.rememberLinks(sessionId, links),
        list: () => sessions.listLinks(sessionId),
      },
      keepLogLevel: (level) => sessions.setLogLevel(sessionId, level),
      // Other calls may ask a person or run so long that somebody on the way would give them up: they get a stream.
      answersAtOnce: ({ permission }) => permission === 'PREDICT',
    },
  });
  server.onclose = () => closed.abort();
  const transport = streamableHttpTransport({
    sessionId,
    passOn: (message) => sessions.leaveMessage(sessionId, message),
    async ended() {
      await sessions.end(sessionId);
      ended();
    },
    clock,
  });
  transport.directCalls = directCalls;
  await prepare();
  await server.connect(transport);
  return { server, transport, stored, stream: undefined, usedAt: clock() };
}
