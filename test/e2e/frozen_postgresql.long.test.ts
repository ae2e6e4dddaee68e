import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mayOwnPostgresql, type OwnPostgresql, ownPostgresql } from '../chaos/own_postgresql.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { until } from './until.ts';

const input = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };

describe.skipIf(!mayOwnPostgresql)('PostgreSQL that goes away costs errors, not servers', () => {
  let scratch: Scratch;
  let postgresql: OwnPostgresql;
  let servers: TestServer[];
  beforeEach(async () => {
    scratch = scratchDirectory();
    postgresql = await ownPostgresql();
    const start = () => startServer({ directory: scratch.path, settings: { DATABASE_URL: postgresql.url } });
    servers = [await start(), await start()];
    await servers[0]?.call('deploy_model', {
      model_id: 'm',
      version: '1',
      source: testModel('linear_float32'),
    });
    for (const server of servers) await server.call('predict', input);
  });
  afterEach(async () => {
    for (const server of servers) await server.close();
    postgresql.remove();
    scratch.remove();
  });

  test('that says nothing any more is given up in bounded time, and predictions do not wait for it', async () => {
    const [server] = servers;
    if (server === undefined) return;
    postgresql.freeze();
    try {
      const changes = ['a', 'b'].map((description) =>
        server.fail('update_model', { model_id: 'm', description }),
      );
      let isGivenUp = false;
      const errors = Promise.all(changes).finally(() => {
        isGivenUp = true;
      });
      let answered = 0;
      while (!isGivenUp) {
        const result = await server.attempt('predict', input);
        expect(result.isError).toBeUndefined();
        answered++;
      }
      for (const error of await errors)
        expect([error.code, error.retryable]).toEqual(['STORAGE_UNAVAILABLE', true]);
      expect(answered).toBeGreaterThan(20);
    } finally {
      postgresql.thaw();
    }
    await until('a change', async () => {
      const result = await server.attempt('update_model', { model_id: 'm', description: 'after' });
      return !result.isError;
    });
    expect((await server.call('get_model', { model_id: 'm' })).description).toBe('after');
  }, 300_000);
});
