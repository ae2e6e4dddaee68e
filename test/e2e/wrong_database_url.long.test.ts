import { createServer, type Server } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mayOwnPostgresql, type OwnPostgresql, ownPostgresql } from '../chaos/own_postgresql.ts';
import { startServer } from './client.ts';
import { runCommand } from './command.ts';
import { type Scratch, scratchDirectory } from './environment.ts';

const password = 'Sup3r-s3cret';
const wrong = 'Wr0ng-s3cret';

describe.skipIf(!mayOwnPostgresql)('a DATABASE_URL that is wrong is one sentence', () => {
  let scratch: Scratch;
  let postgresql: OwnPostgresql;
  let stranger: Server;
  const addresses: Record<string, URL> = {};
  beforeAll(async () => {
    scratch = scratchDirectory();
    postgresql = await ownPostgresql(password);
    const admin = new pg.Client({ connectionString: postgresql.url });
    await admin.connect();
    await admin.query(`create role weak login password '${password}'`);
    await admin.query('create database weakly');
    await admin.end();
    stranger = createServer((socket) => {
      socket.on('error', () => undefined).on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const address = stranger.address();
    const change = (how: (url: URL) => void) => {
      const url = new URL(postgresql.url);
      how(url);
      return url;
    };
    Object.assign(addresses, {
      password: change((url) => {
        url.password = wrong;
      }),
      'no password': change((url) => {
        url.password = '';
      }),
      user: change((url) => {
        url.username = 'nobody_here';
      }),
      host: change((url) => {
        url.hostname = 'nowhere.invalid';
      }),
      database: change((url) => {
        url.pathname = '/not_made_yet';
      }),
      port: change((url) => {
        url.port = '1';
      }),
      encryption: change((url) => {
        url.searchParams.set('sslmode', 'verify-full');
      }),
      rights: change((url) => {
        url.username = 'weak';
        url.pathname = '/weakly';
      }),
      stranger: change((url) => {
        url.port = String(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    });
  }, 60_000);
  afterAll(() => {
    stranger.close();
    postgresql.remove();
    scratch.remove();
  });

  test.each([
    ['password', /password authentication failed for user "postgres"/],
    ['no password', /password/],
    ['user', /password authentication failed for user "nobody_here"/],
    ['host', /nowhere\.invalid/],
    ['database', /database "not_made_yet" does not exist/],
    ['port', /ECONNREFUSED 127\.0\.0\.1:1\b/],
    ['encryption', /SSL/],
    ['rights', /permission denied/],
    ['stranger', /connection|message/i],
  ])('%s', async (what, reason) => {
    const settings = { DATABASE_URL: addresses[what]?.href ?? '' };
    const server = await startServer({ directory: scratch.path, settings });
    const errors = [await server.fail('search_models'), await server.fail('health_check')];
    await server.close();
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true });
      expect(error.message).toMatch(/^DATABASE_URL does not lead to a database that can be used: [^\n]*\.$/);
      expect(error.message).toMatch(reason);
      expect(error.hint).toContain('DATABASE_URL');
    }
    const { code, output, complaint } = runCommand(scratch.path, ['verify'], settings);
    const said = [server.standardError(), complaint];
    if (what === 'rights') expect(complaint).toMatch(/^modelyard: [^\n]+\n$/);
    else expect(complaint).toMatch(/^modelyard: DATABASE_URL does not lead to [^\n]+\n$/);
    expect([code, output]).toEqual([1, '']);
    expect(said[0]?.trimEnd().split('\n')[0]).toMatch(/the store could not be opened: DATABASE_URL does not/);
    for (const text of [...said, JSON.stringify(errors)]) {
      expect(text).not.toMatch(/\n\s+at |stack/);
      expect(text).not.toContain('s3cret');
    }
  });

  test.each([
    ['a port that is none', `postgres://postgres:${password}@127.0.0.1:port/postgres`],
    ['a slash in the password', `postgres://postgres:${password}/more@127.0.0.1/postgres`],
    ['digits and a slash in the password', 'postgres://postgres:12/s3cret@127.0.0.1/postgres'],
    ['nothing but the scheme', 'postgres://'],
    ['a broken escape', 'postgres://postgres:%E0%A4%FFs3cret@127.0.0.1/postgres'],
    ['another database', `mysql://root:${password}@127.0.0.1/x`],
  ])('%s ends the start', (_, url) => {
    for (const given of [[], ['verify']]) {
      const { code, output, complaint } = runCommand(scratch.path, given, { DATABASE_URL: url });
      expect([code, output]).toEqual([2, '']);
      expect(complaint).toMatch(
        /^modelyard: DATABASE_URL=\(its value is not shown\) is not valid: [^\n]+\n$/,
      );
      expect(complaint).not.toContain('s3cret');
    }
  });
});
