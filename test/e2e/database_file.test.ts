import {
  copyFileSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';

const input = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };

describe.skipIf(process.platform === 'win32')('a SQLite file that goes wrong under a running server', () => {
  let scratch: Scratch;
  let server: TestServer;
  let file: string;
  beforeAll(async () => {
    scratch = scratchDirectory();
    file = join(scratch.path, 'registry', 'modelyard.db');
    server = await startServer({ directory: scratch.path });
    await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  const update = { model_id: 'm', description: 'changed' };
  const describeOf = async () => (await server.call('get_model', { model_id: 'm' })).description;

  /** What is said while it is wrong: nothing is acknowledged, predictions go on, health says it. */
  const expectNoticed = async (what: RegExp) => {
    const error = await server.fail('update_model', { ...update, description: 'lost' });
    expect([error.code, error.retryable]).toEqual(['STORAGE_UNAVAILABLE', true]);
    expect(error.message).toMatch(what);
    expect((await server.fail('get_model', { model_id: 'm' })).code).toBe('STORAGE_UNAVAILABLE');
    const { status, checks } = await server.call('health_check', {});
    expect(status).toBe('unhealthy');
    expect(checks.find(({ name }) => name === 'database')).toMatchObject({
      status: 'unhealthy',
      detail: expect.stringMatching(what),
    });
    return (await server.call('predict', input)).predictions.map(({ prediction_id }) => prediction_id);
  };
  const expectBack = async (ids: string[]) => {
    await server.call('update_model', update);
    expect(await describeOf()).toBe('changed');
    const { predictions } = await server.call('list_predictions', { model_id: 'm', limit: 200 });
    expect(predictions.map(({ prediction_id }) => prediction_id)).toEqual(expect.arrayContaining(ids));
    const { checks } = await server.call('health_check', {});
    expect(checks.find(({ name }) => name === 'database')?.status).toBe('healthy');
  };

  test('moved away: noticed; put back: all goes on, and no prediction is missing', async () => {
    await server.call('update_model', update);
    renameSync(file, `${file}.away`);
    const ids = await expectNoticed(/is gone \(deleted, or moved away\)/);
    renameSync(`${file}.away`, file);
    await expectBack(ids);
  });

  test('replaced by another: noticed; nothing is written into either', async () => {
    renameSync(file, `${file}.away`);
    writeFileSync(file, readFileSync(`${file}.away`));
    const content = readFileSync(file);
    const ids = await expectNoticed(/was replaced by another file/);
    expect(readFileSync(file).equals(content)).toBe(true);
    renameSync(`${file}.away`, file);
    await expectBack(ids);
  });

  test('its write-ahead log deleted: noticed', async () => {
    renameSync(`${file}-wal`, `${file}.away`);
    const ids = await expectNoticed(/has lost its write-ahead log/);
    renameSync(`${file}.away`, `${file}-wal`);
    await expectBack(ids);
  });

  test('truncated to nothing or in part: noticed', async () => {
    const whole = readFileSync(file);
    truncateSync(file, Math.floor(whole.length / 8192) * 4096);
    await expectNoticed(/was truncated/);
    truncateSync(file, 0);
    const error = await server.fail('update_model', update);
    expect(error.message).toMatch(/was truncated/);
    const handle = openSync(file, 'r+');
    ftruncateSync(handle, 0);
    writeFileSync(handle, whole);
    expect(statSync(file).size).toBe(whole.length);
  });

  test('deleted for good: after the restart the store is refused, not begun anew', async () => {
    copyFileSync(file, `${file}.kept`);
    rmSync(file);
    expect((await server.fail('update_model', update)).message).toMatch(/is gone/);
    await server.close();
    server = await startServer({ directory: scratch.path });
    const error = await server.fail('get_model', { model_id: 'm' });
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(error.hint).toMatch(/Put the file back/);
  });
});
