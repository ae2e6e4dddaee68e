import { beforeAll, beforeEach, expect, test } from 'vitest';
import { openSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { createSession, type SessionLimits } from '../../src/sessions/stored_sessions.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const minute = 60_000;
const limits: SessionLimits = { ofOneOwner: 3, inAll: 5, idleMs: 60 * minute, keptMs: 15 * minute };
const session = {
  owner: 'ci',
  client: { name: 'client', version: '1.2.3' },
  protocolVersion: '2025-11-25',
  canAsk: true,
};

describeOnEachDatabase('sessions', (store) => {
  let database: Database;
  let sessions: Sessions;
  let now = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
    sessions = openSessions({ database, clock: () => now });
  });
  beforeEach(async () => {
    now += 10 * 24 * 60 * minute;
    await database.deleteFrom('mcp_sessions').execute();
  });
  const begin = (owner = 'ci') => createSession(database, { ...session, owner }, now, limits);
  const there = async (...ids: string[]) => [...(await sessions.read(ids)).keys()].toSorted();

  test('what one process begins the others know, until it ends', async () => {
    const begun = await sessions.create(session);
    expect(begun).toMatchObject({ ...session, logLevel: undefined, stream: undefined });
    await sessions.setLogLevel(begun.sessionId, 'error');
    await sessions.setStream(begun.sessionId, 'second');
    const other = openSessions({ database: (await store.open()).database, clock: () => now });
    const read = await other.read([begun.sessionId, 'unknown']);
    expect([...read.values()]).toEqual([{ ...begun, logLevel: 'error', stream: 'second' }]);
    await other.end(begun.sessionId);
    expect(await there(begun.sessionId)).toEqual([]);
  });

  test('each has an id that nobody can guess from another', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, async () => (await begin()).sessionId));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('one that nobody uses for a day has ended; its use is noted once a minute', async () => {
    const begun = await sessions.create(session);
    now += 23 * 60 * minute;
    await sessions.noteUse([begun]);
    now += 2 * 60 * minute;
    const [used] = (await sessions.read([begun.sessionId])).values();
    expect(used?.lastSeenAt).toBe(now - 2 * 60 * minute);
    now += 23 * 60 * minute;
    expect(await there(begun.sessionId)).toEqual([]);
    if (used === undefined) throw new Error('it was there');
    const recent = { ...used, lastSeenAt: now };
    now += minute;
    await sessions.noteUse([recent]);
    expect(await there(begun.sessionId)).toEqual([]);
  });

  test('of one token, and in all, only so many are in use; the longest unused makes room', async () => {
    const first = await begin();
    now += minute;
    const others = [await begin(), await begin()];
    await expect(begin()).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      retryable: true,
      message: expect.stringContaining('3 for one token and 5 in all'),
    });
    const [foreign] = [await begin('somebody'), await begin('somebody')];
    await expect(begin('another')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    now += 14 * minute + 1;
    const next = await begin();
    const kept = [...others, foreign, next].map((one) => one?.sessionId ?? '');
    expect(await there(first.sessionId, ...kept)).toEqual(kept.toSorted());
  });

  test('a message waits for a minute for the process it concerns, and goes with its session', async () => {
    const [one, other] = [await sessions.create(session), await sessions.create(session)];
    await sessions.leaveMessage(one.sessionId, '{"a":1}');
    await sessions.leaveMessage(one.sessionId, '{"a":2}');
    await sessions.leaveMessage(other.sessionId, '{"a":3}');
    const waiting = await sessions.readMessages([one.sessionId]);
    expect(waiting.map(({ message }) => message)).toEqual(['{"a":1}', '{"a":2}']);
    await sessions.removeMessage(waiting[0]?.messageId ?? '');
    expect(await sessions.readMessages([one.sessionId, other.sessionId])).toHaveLength(2);
    now += minute + 1;
    await sessions.leaveMessage(other.sessionId, '{"a":4}');
    const left = await sessions.readMessages([one.sessionId, other.sessionId]);
    expect(left.map(({ message }) => message)).toEqual(['{"a":4}']);
    await sessions.end(other.sessionId);
    expect(await sessions.readMessages([other.sessionId])).toEqual([]);
  });

  test('a hundred messages of a session wait, the newest; a long one does not', async () => {
    const { sessionId } = await sessions.create(session);
    for (let number = 0; number < 130; number++) await sessions.leaveMessage(sessionId, String(number));
    const waiting = (await sessions.readMessages([sessionId])).map(({ message }) => Number(message));
    expect(waiting).toEqual(Array.from({ length: 100 }, (_, index) => 30 + index));
    await expect(sessions.leaveMessage(sessionId, 'x'.repeat(10_001))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  test('links are kept for every process, each once, the newest first', async () => {
    const { sessionId } = await sessions.create(session);
    const link = (number: number) => ({
      uri: `file:///${number}`,
      name: String(number),
      mimeType: 'text/csv',
    });
    for (const number of [1, 2, 1]) {
      now += 1;
      await sessions.rememberLinks(sessionId, [link(number)]);
    }
    expect(await sessions.listLinks(sessionId)).toEqual([link(1), link(2)]);
    await sessions.rememberLinks(
      sessionId,
      Array.from({ length: 998 }, (_, index) => link(100 + index)),
    );
    now += 1;
    await sessions.rememberLinks(sessionId, [link(5000)]);
    const listed = await sessions.listLinks(sessionId);
    expect(listed).toHaveLength(1000);
    expect(listed[0]).toEqual(link(5000));
    expect(listed).not.toContainEqual(link(2));
  });
});
