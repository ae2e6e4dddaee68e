import { join } from 'node:path';
import LibsqlDatabase from 'libsql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { handshake, type RawServer, startRaw, toolCall } from './raw_server.ts';

const input = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };
const idOf = z.object({ predictions: z.tuple([z.looseObject({ prediction_id: z.string() })]) });
const cancel = (requestId: number) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

describe('while another process holds the write lock of SQLite', () => {
  let scratch: Scratch;
  let server: RawServer;
  let other: LibsqlDatabase.Database;
  let lastId = 0;
  const ask = (name: string, given: Record<string, unknown> = {}) => {
    const id = ++lastId;
    server.send(toolCall(id, name, given));
    return server.answer(id);
  };

  beforeAll(async () => {
    scratch = scratchDirectory();
    server = startRaw({ directory: scratch.path });
    server.send(...handshake);
    const deployed = await ask('deploy_model', {
      model_id: 'm',
      version: '1',
      source: testModel('linear_float32'),
    });
    expect(deployed.result?.isError).toBeUndefined();
    const second = { model_id: 'm', version: '2', source: testModel('linear_float32_b') };
    expect((await ask('register_model', second)).result?.isError).toBeUndefined();
    await ask('predict', input);
    other = new LibsqlDatabase(join(scratch.path, 'registry', 'modelyard.db'));
    // The server may be writing in the moment in which it is to be held up.
    other.exec('pragma busy_timeout = 10000');
  });
  afterAll(async () => {
    other.close();
    server.process.stdin?.end();
    await server.ended;
    scratch.remove();
  });

  test('ping, predict and health_check are answered, and the change that waits is made afterwards', async () => {
    other.exec('begin immediate');
    let isChanged = false;
    const change = ask('update_model', { model_id: 'm', description: 'waited' });
    void change.then(() => {
      isChanged = true;
    });
    for (let round = 0; round < 10; round++) {
      const ping = ++lastId;
      server.send({ jsonrpc: '2.0', id: ping, method: 'ping' });
      expect((await server.answer(ping)).error).toBeUndefined();
      expect((await ask('predict', input)).result?.isError).toBeUndefined();
    }
    // A predict whose knowledge of the route is too old reads it anew, beside the writer.
    const health = await ask('health_check');
    expect(JSON.stringify(health.result?.structuredContent)).toContain('the last calls are not counted yet');
    expect((await ask('predict', input)).result?.isError).toBeUndefined();
    expect(isChanged, 'the lock was held all the time').toBe(false);
    other.exec('rollback');
    expect((await change).result?.isError).toBeUndefined();
    const found = await ask('get_model', { model_id: 'm' });
    expect(found.result?.structuredContent).toMatchObject({ description: 'waited' });
  });

  test('a thousand changes that are cancelled before their turn are not made', async () => {
    const entries = () => Number(other.prepare('select count(*) from audit_entries').pluck().all()[0]);
    other.exec('begin immediate');
    const before = entries();
    const ids = Array.from({ length: 1000 }, () => ++lastId);
    for (const id of ids)
      server.send(toolCall(id, 'update_model', { model_id: 'm', description: `cancelled ${id}` }));
    // What is answered came in after all of them.
    expect((await ask('search_models')).result?.isError).toBeUndefined();
    for (const id of ids) server.send(cancel(id));
    const ping = ++lastId;
    server.send({ jsonrpc: '2.0', id: ping, method: 'ping' });
    await server.answer(ping);
    other.exec('rollback');
    // A change of the same model has its turn after them.
    const change = await ask('update_model', { model_id: 'm', description: 'after' });
    expect(change.result?.structuredContent).toMatchObject({
      changed: [{ field: 'description', before: 'waited', after: 'after' }],
    });
    expect(entries()).toBe(before + 1);
  });

  test('outcomes that are taken back before they are recorded are not', async () => {
    const { result } = await ask('predict', input);
    const id = idOf.parse(result?.structuredContent).predictions[0].prediction_id;
    other.exec('begin immediate');
    const record = ++lastId;
    server.send(
      toolCall(record, 'record_outcomes', {
        model_id: 'm',
        outcomes: [{ prediction_id: id, actual: 1 }],
      }),
      cancel(record),
    );
    const ping = ++lastId;
    server.send({ jsonrpc: '2.0', id: ping, method: 'ping' });
    await server.answer(ping);
    other.exec('rollback');
    // A change of the same model has its turn after it.
    expect(
      (await ask('update_model', { model_id: 'm', description: 'later' })).result?.isError,
    ).toBeUndefined();
    const listed = await ask('list_predictions', { model_id: 'm', limit: 1 });
    const { predictions } = idOf.parse(listed.result?.structuredContent);
    expect(predictions[0].prediction_id).toBe(id);
    expect(predictions[0]).not.toHaveProperty('actual');
  });

  test('reports on many calls are given without the last of them, and say so', async () => {
    await ask('predict', input);
    other.exec('begin immediate');
    for (const name of ['get_performance', 'compare_models']) {
      const given = name === 'get_performance' ? { model_id: 'm' } : { model_id: 'm', versions: ['1', '2'] };
      const { result } = await ask(name, given);
      expect(result?.isError, JSON.stringify(result)).toBeUndefined();
      expect(JSON.stringify(result?.structuredContent)).toContain('the newest predictions may be missing');
    }
    other.exec('rollback');
  });

  test('the end of input waits neither for the lock nor for what was cancelled', async () => {
    other.exec('begin immediate');
    const ids = Array.from({ length: 1000 }, () => ++lastId);
    for (const id of ids)
      server.send(toolCall(id, 'update_model', { model_id: 'm', description: `cancelled ${id}` }));
    for (const id of ids) server.send(cancel(id));
    server.process.stdin?.end();
    // The lock is held until the server has ended.
    const { code, signal, standardError } = await server.ended;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    // The one that waited for the lock already too: none was told that the database is busy.
    const failures = standardError.match(/update_model failed: \w+/g) ?? [];
    expect(failures.filter((failure) => !failure.endsWith('CANCELLED'))).toEqual([]);
    other.exec('rollback');
    const [description] = other.prepare('select description from models').pluck().all();
    expect(description).toBe('later');
  });
});
