import { randomUUID } from 'node:crypto';
import type { Caller } from '../../access/roles.ts';
import { visibleText } from '../../access/shown_text.ts';
import type { AlertMessage } from '../../monitoring/alerts/index.ts';
import { tellAlert } from '../../server.ts';
import type { StoredSession } from '../../sessions/sessions.ts';
import { type HttpAnswer, type HttpRequest, initializeIn } from '../../transports/streamable_http.ts';
import { type LiveSession, type OpeningDependencies, openSession } from './open_session.ts';

/** How old what is known of a session may be, milliseconds: one that was ended elsewhere is not found within a second. */
const knownForMs = 400;

/** How long a call runs until it is looked for whether it was taken back elsewhere, milliseconds. */
const longCallMs = 200;

/** How long a session that nothing is done for keeps its server here, milliseconds; it is made again when needed. */
const keptMs = 60_000;

/** Who sends a request. */
interface Visitor {
  caller: Caller;
  /** The token's name; empty where there is none. */
  owner: string;
}

export interface LiveSessionsDependencies extends OpeningDependencies {
  /** Whether the owner may still come in. */
  isAdmitted: (owner: string) => Promise<boolean>;
}

/** The sessions of MCP as this process answers them; which there are is in the database. */
export interface LiveSessions {
  /**
   * Begins a session by the client's initialize.
   * @returns undefined: the body is none
   * @throws LIMIT_EXCEEDED
   */
  begin(visitor: Visitor, request: HttpRequest, body: unknown): Promise<HttpAnswer | undefined>;
  /**
   * Answers a request of a session, whichever process began it.
   * @returns undefined: the visitor has no such session
   */
  answer(
    sessionId: string,
    visitor: Visitor,
    request: HttpRequest,
    body: unknown,
  ): Promise<HttpAnswer | undefined>;
  /** Tells the sessions that listen here. */
  tell(message: AlertMessage): void;
  /** Looks what others did: sessions that ended, streams that were replaced, calls taken back, people's answers. */
  look(): Promise<void>;
  /** Ends the streams that listen: there will be nothing more from here. */
  closeStreams(): void;
  close(): Promise<void>;
}

export function liveSessions(dependencies: LiveSessionsDependencies): LiveSessions {
  const { sessions, isAdmitted, logger, clock } = dependencies;
  const live = new Map<string, Promise<LiveSession>>();
  const known = new Map<string, { at: number; session: Promise<StoredSession | undefined> }>();

  const warn = (what: string) => (error: unknown) => logger.warn(what, { error });

  const forget = async (sessionId: string): Promise<void> => {
    const ended = await live.get(sessionId)?.catch(() => undefined);
    live.delete(sessionId);
    known.delete(sessionId);
    await ended?.server.close();
  };

  const find = async (sessionId: string): Promise<StoredSession | undefined> => {
    const now = clock();
    let found = known.get(sessionId);
    if (found === undefined || now - found.at > knownForMs) {
      const session = sessions.read([sessionId]).then(
        (read) => read.get(sessionId),
        async (error: unknown) => {
          // While the database is away, sessions that are answered here go on.
          const session = await live.get(sessionId);
          if (session === undefined) throw error;
          return session.stored;
        },
      );
      found = { at: now, session };
      known.set(sessionId, found);
      session.catch(() => known.delete(sessionId));
    }
    const session = await found.session;
    if (session === undefined) await forget(sessionId);
    return session;
  };

  const open = (stored: StoredSession, caller: Caller, isNew: boolean): Promise<LiveSession> => {
    const { sessionId } = stored;
    const opening = openSession(dependencies, stored, caller, () => void forget(sessionId)).then(
      async (opened) => {
        if (!isNew) await opened.transport.restore(stored);
        return opened;
      },
    );
    live.set(sessionId, opening);
    opening.catch(() => live.delete(sessionId));
    return opening;
  };

  /** Opens the stream of a session; the newest counts, since a client that comes again has lost the one before. */
  const listen = async (session: LiveSession, request: HttpRequest): Promise<HttpAnswer> => {
    session.transport.closeStream();
    session.stream = undefined;
    const stream = randomUUID();
    await sessions.setStream(session.stored.sessionId, stream);
    const answer = await session.transport.handle(request, undefined);
    if (answer.status !== 200) return answer;
    session.stream = stream;
    request.whenGone(() => {
      if (session.stream === stream) session.stream = undefined;
    });
    return answer;
  };

  /** What others did to these sessions. */
  const lookAt = async (watched: readonly LiveSession[]): Promise<void> => {
    const ids = watched.map(({ stored }) => stored.sessionId);
    const streams = watched.map(({ stream }) => stream);
    const there = await sessions.read(ids);
    for (const [index, session] of watched.entries()) {
      const stored = there.get(session.stored.sessionId);
      if (stored === undefined || !(await isAdmitted(stored.owner))) {
        await forget(session.stored.sessionId);
        continue;
      }
      session.stored = stored;
      const stream = streams[index];
      if (stream === undefined || stream === stored.stream || stream !== session.stream) continue;
      session.transport.closeStream();
      session.stream = undefined;
    }
    for (const { messageId, sessionId, message } of await sessions.readMessages(ids))
      if ((await live.get(sessionId))?.transport.deliver(message)) await sessions.removeMessage(messageId);
    await sessions.noteUse([...there.values()]);
  };

  let isLooking = false;
  const look = async (): Promise<void> => {
    const now = clock();
    const opened = (await Promise.allSettled(live.values())).flatMap((one) =>
      one.status === 'fulfilled' ? [one.value] : [],
    );
    const watched = opened.filter(({ stream, transport }) => {
      const since = transport.busySince();
      return stream !== undefined || (since !== undefined && now - since >= longCallMs);
    });
    if (watched.length > 0) await lookAt(watched);
    for (const { stored, stream, transport, usedAt } of opened)
      if (stream === undefined && transport.busySince() === undefined && now - usedAt > keptMs)
        await forget(stored.sessionId);
    for (const [sessionId, { at }] of known) if (now - at > keptMs) known.delete(sessionId);
  };

  return {
    async begin({ caller, owner }, request, body) {
      const given = initializeIn(body);
      if (given === undefined) return undefined;
      const name = visibleText(given.client.name, 100);
      const version = visibleText(given.client.version, 50);
      const stored = await sessions.create({ ...given, client: { name, version }, owner });
      const { sessionId } = stored;
      const { transport } = await open(stored, caller, true);
      const answer = await transport.handle(request, body);
      if (answer.status !== 200) {
        await sessions.end(sessionId);
        await forget(sessionId);
      }
      return answer;
    },
    async answer(sessionId, { caller, owner }, request, body) {
      const stored = await find(sessionId);
      if (stored === undefined || stored.owner !== owner) return undefined;
      const session = await (live.get(sessionId) ?? open(stored, caller, false));
      session.usedAt = clock();
      sessions.noteUse([stored]).catch(warn('the use of a session could not be noted'));
      return request.method === 'GET' ? listen(session, request) : session.transport.handle(request, body);
    },
    tell(message) {
      for (const opening of live.values())
        opening.then(
          ({ server, stream, stored }) => {
            if (stream !== undefined) tellAlert(server, message, logger, stored.logLevel);
          },
          () => undefined,
        );
    },
    async look() {
      if (isLooking) return;
      isLooking = true;
      await look()
        .catch(warn('the sessions of MCP could not be looked at'))
        .finally(() => {
          isLooking = false;
        });
    },
    closeStreams() {
      for (const opening of live.values())
        opening.then(
          ({ transport }) => transport.closeStream(),
          () => undefined,
        );
    },
    async close() {
      await Promise.all([...live.keys()].map(forget));
    },
  };
}
