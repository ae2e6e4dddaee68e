import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { originOf } from '../../src/access/origin.ts';
import { tokenBook } from '../../src/access/token_book.ts';
import {
  createToken,
  hasTokens,
  isToken,
  listTokens,
  revokeToken,
  tokenIdIn,
} from '../../src/access/tokens.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const origin = originOf({ role: 'admin', readOnly: false, client: 'terminal' }, 'token create', {});
const logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};

describeOnEachDatabase('tokens', (store) => {
  let database: Database;
  let now = Date.UTC(2026, 0, 1);
  let made = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    return () => vi.useRealTimers();
  });
  const create = async (expiresAt?: number) => {
    const name = `token-${++made}`;
    const { text } = await createToken(database, { name, role: 'client', expiresAt }, origin, now);
    return { name, text };
  };
  const openBook = () => tokenBook({ database, clock: () => now, logger });

  test('a store without tokens says so until there was one, also when it was revoked', async () => {
    const book = openBook();
    await book.refresh();
    expect([book.hasTokens(), await hasTokens(database)]).toEqual([false, false]);
    const { name } = await create();
    await revokeToken(database, name, origin, now);
    vi.advanceTimersByTime(900);
    await book.refresh();
    expect([book.hasTokens(), await hasTokens(database)]).toEqual([true, true]);
  });

  test('the text is in no table, and finds its token; a changed one finds none', async () => {
    const { name, text } = await create();
    const rows = await listTokens(database);
    expect(JSON.stringify(rows)).not.toContain(text.slice(-43));
    const audit = await database.selectFrom('audit_entries').selectAll().execute();
    expect(JSON.stringify(audit)).not.toContain(text.slice(-43));
    expect(audit.at(-1)).toMatchObject({ action: 'token create', outcome: 'done', client: 'terminal' });

    const book = openBook();
    await book.refresh();
    expect(book.find(text)).toEqual({ name, role: 'client', state: 'valid' });
    const other = text.endsWith('A') ? 'B' : 'A';
    for (const wrong of [
      text.slice(0, -1) + other,
      text.slice(0, -1),
      `${text}A`,
      text.toUpperCase(),
      '',
      'modelyard_',
    ])
      expect(book.find(wrong)).toBeUndefined();
    const [id, secret] = [tokenIdIn(text) ?? '', text.slice(-43)];
    const last = id.endsWith('0') ? '1' : '0';
    expect(book.find(`modelyard_${id.slice(0, -1)}${last}_${secret}`)).toBeUndefined();
    const row = rows.find((one) => one.name === name);
    expect(isToken({ hash: row?.hash ?? '' }, text)).toBe(true);
    expect(isToken({ hash: '' }, text)).toBe(false);
  });

  test('one that is revoked, or that expires, is refused within a second', async () => {
    const [revoked, expiring] = [await create(), await create(now + 500)];
    const book = openBook();
    await book.refresh();
    expect(book.find(revoked.text)?.state).toBe('valid');
    expect(book.find(expiring.text)?.state).toBe('valid');
    await revokeToken(database, revoked.name, origin, now);
    now += 500;
    expect(book.find(expiring.text)?.state).toBe('expired');
    vi.advanceTimersByTime(801);
    await book.refresh();
    expect(book.find(revoked.text)?.state).toBe('revoked');
  });

  test('one that was made a moment ago comes in, and a made-up one costs few readings', async () => {
    const book = openBook();
    await book.refresh();
    const { text } = await create();
    vi.advanceTimersByTime(60);
    const header = `Bearer ${text}`;
    expect([book.isFresh(), book.isFresh(header)]).toEqual([true, false]);
    await book.refresh(header);
    expect(book.find(text)?.state).toBe('valid');
    const madeUp = `Bearer modelyard_${'0'.repeat(12)}_${'x'.repeat(43)}`;
    expect(book.isFresh(madeUp)).toBe(true);
    vi.advanceTimersByTime(60);
    expect([book.isFresh(madeUp), book.isFresh(header)]).toEqual([false, true]);
  });

  test('a name is given once', async () => {
    const { name } = await create();
    await revokeToken(database, name, origin, now);
    await expect(
      createToken(database, { name, role: 'admin', expiresAt: undefined }, origin, now),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(revokeToken(database, 'nobody', origin, now)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  test('its last use is written, at most once a minute', async () => {
    const { name, text } = await create();
    const book = openBook();
    await book.refresh();
    const lastUse = async () => (await listTokens(database)).find((row) => row.name === name)?.last_used_at;
    book.find(text);
    await vi.waitFor(async () => expect(await lastUse()).toBe(now));
    const first = now;
    now += 59_000;
    book.find(text);
    const other = await create();
    book.find(text);
    expect(other.text).not.toBe(text);
    expect(await lastUse()).toBe(first);
    now += 1000;
    book.find(text);
    await vi.waitFor(async () => expect(await lastUse()).toBe(now));
  });
});
