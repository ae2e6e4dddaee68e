import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mayOwnPostgresql, type OwnPostgresql, ownPostgresql } from '../chaos/own_postgresql.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { loggedIds, type OutageLoad, startOutageLoad } from './outage_load.ts';
import { type TcpProxy, tcpProxy } from './tcp_proxy.ts';
import { until } from './until.ts';

const input = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };
/** The load goes on while one of its callers waits for a connection that says nothing. */
const patienceMs = 120_000;

describe.skipIf(!mayOwnPostgresql)('PostgreSQL that goes away under load costs errors, not servers', () => {
  let scratch: Scratch;
  let postgresql: OwnPostgresql;
  let servers: TestServer[] = [];
  let load: OutageLoad | undefined;
  let proxy: TcpProxy | undefined;
  beforeEach(async () => {
    scratch = scratchDirectory();
    postgresql = await ownPostgresql();
  });
  afterEach(async () => {
    await load?.stop();
    load = undefined;
    for (const server of servers) await server.close();
    servers = [];
    await proxy?.close();
    proxy = undefined;
    postgresql.remove();
    scratch.remove();
  });

  const start = (url = postgresql.url) =>
    startServer({ directory: scratch.path, settings: { DATABASE_URL: url } });

  /** Two servers with a model that both have loaded, under load. */
  async function underLoad(url?: string): Promise<OutageLoad> {
    servers = [await start(url), await start(url)];
    const [first] = servers;
    await first?.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
    await first?.call('deploy_model', { model_id: 'm', version: '2', source: testModel('linear_float32_b') });
    await first?.call('update_model', { model_id: 'm', aliases: { champion: '1' } });
    load = startOutageLoad(servers);
    await untilWell(load);
    return load;
  }

  /** Each server makes changes again, and predicts. */
  async function untilWell(going: OutageLoad): Promise<void> {
    await until(
      'the load to go on',
      async () => {
        const changes = await Promise.all(
          servers.map((server, index) =>
            server.attempt('update_model', { model_id: 'm', description: `well ${index}` }),
          ),
        );
        return changes.every(({ isError }) => !isError);
      },
      patienceMs,
    );
    await untilPredicted(going, 10);
  }

  async function untilPredicted(going: OutageLoad, count: number): Promise<void> {
    const before = [...going.predictions];
    await until(
      `${count} predictions of each server`,
      () => going.predictions.every((now, index) => now >= (before[index] ?? 0) + count),
      patienceMs,
    );
  }

  /** While the database is away: errors of what needs it, and predictions of each server. */
  async function away(going: OutageLoad, count = 50): Promise<void> {
    const { unavailable } = going;
    await until('errors', () => going.unavailable > unavailable + count, patienceMs);
    await untilPredicted(going, count);
  }

  /** What was answered is in the log once, and nothing went wrong but what had to. */
  async function settle(going: OutageLoad): Promise<void> {
    await untilWell(going);
    await going.stop();
    expect(going.others).toEqual([]);
    for (const server of servers) {
      const logged = await loggedIds(server);
      expect(new Set(logged).size).toBe(logged.length);
      const known = new Set(logged);
      expect(going.predicted.filter((id) => !known.has(id))).toEqual([]);
      expect(server.standardError()).not.toMatch(/^\s+at /m);
    }
  }

  test('stopped and started again, three times; a server that starts meanwhile works when it is back', async () => {
    const going = await underLoad();
    for (let round = 0; round < 3; round++) {
      await untilWell(going);
      postgresql.stop();
      await away(going);
      if (round === 1) {
        const late = await start();
        try {
          for (const [name, given] of [
            ['predict', input],
            ['get_model', { model_id: 'm' }],
            ['update_model', { model_id: 'm', description: 'late' }],
            ['health_check', {}],
          ] as const)
            expect(await late.fail(name, given)).toMatchObject({
              code: 'STORAGE_UNAVAILABLE',
              retryable: true,
            });
          postgresql.start();
          expect((await late.call('predict', input)).predictions).toHaveLength(1);
          expect((await late.call('health_check')).checks[0]).toMatchObject({ status: 'healthy' });
        } finally {
          await late.close();
        }
      } else postgresql.start();
    }
    await settle(going);
  }, 600_000);

  test('a database that takes no connections for a minute', async () => {
    const going = await underLoad();
    const admin = new pg.Client({ connectionString: postgresql.url.replace(/postgres$/, 'template1') });
    await admin.connect();
    try {
      await admin.query('alter database postgres allow_connections false');
      const since = performance.now();
      await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'");
      await until(
        'a minute of it',
        async () => {
          await away(going, 20);
          return performance.now() - since > 60_000;
        },
        2 * patienceMs,
      );
      await admin.query('alter database postgres allow_connections true');
    } finally {
      await admin.end();
    }
    await settle(going);
  }, 600_000);

  test('a way to it that leads nowhere, without a word, then to it again', async () => {
    const own = new URL(postgresql.url);
    proxy = await tcpProxy(Number(own.port));
    own.port = String(proxy.port);
    const going = await underLoad(own.href);
    const [first] = servers;
    proxy.swallow();
    await away(going, 10);
    // What needs no caller's patience: a prediction does not wait for the database's answer.
    for (let call = 0; call < 20; call++)
      expect((await first?.attempt('predict', input))?.isError).toBeUndefined();
    proxy.forward();
    await settle(going);
  }, 600_000);

  test('sessions that are ended twelve times', async () => {
    const going = await underLoad();
    const admin = new pg.Client({ connectionString: postgresql.url });
    await admin.connect();
    let ended = 0;
    try {
      for (let round = 0; round < 12; round++) {
        const { rowCount } = await admin.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        );
        ended += rowCount ?? 0;
        await untilWell(going);
      }
    } finally {
      await admin.end();
    }
    expect(ended).toBeGreaterThan(12);
    await settle(going);
  }, 600_000);
});
