import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from './small_disk.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };

// The test mounts a small file system: skipped where it may not.
describe.skipIf(!mayMount)('a full disk (skipped where no tmpfs may be mounted)', () => {
  let scratch: Scratch;
  let registry: string;
  let disk: SmallDisk;
  let server: TestServer;
  beforeAll(async () => {
    scratch = scratchDirectory();
    registry = join(scratch.path, 'registry');
    disk = mountSmallDisk(registry, 16);
    server = await startServer({ directory: scratch.path });
    await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
    await predict();
    await until('room kept for the journal', () =>
      readdirSync(join(registry, 'journals')).some((name) => name.startsWith('reserve~')),
    );
  });
  afterAll(async () => {
    await server.close();
    disk.remove();
    scratch.remove();
  });

  const answered: string[] = [];
  const predict = async () => {
    const { predictions } = await server.call('predict', { model_id: 'm', inputs: [row] });
    answered.push(...predictions.map(({ prediction_id }) => prediction_id));
  };
  const logged = async () => {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof server.call<'list_predictions'>>> = await server.call(
        'list_predictions',
        { model_id: 'm', limit: 200, ...(cursor && { cursor }) },
      );
      ids.push(...page.predictions.map(({ prediction_id }) => prediction_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    return ids;
  };

  test('predictions, reads and health go on; changes are refused; all comes back by itself', async () => {
    disk.fill();
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 20 }, () => predict()));
    disk.fill();
    await until('changes to be refused', async () => {
      const { isError } = await server.attempt('update_model', {
        model_id: 'm',
        description: 'long '.repeat(300),
      });
      return isError === true;
    });
    const error = await server.fail('register_model', {
      model_id: 'new',
      version: '1',
      source: testModel('forest_classifier'),
    });
    expect(error.code).toBe('STORAGE_UNAVAILABLE');
    expect(error.retryable).toBe(true);
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 20 }, () => predict()));

    const health = await server.call('health_check', {});
    expect(health.status).toBe('unhealthy');
    expect(health.checks.find(({ name }) => name === 'disk')?.detail).toMatch(/full/);
    expect(health.checks.find(({ name }) => name === 'database')?.status).not.toBe('unhealthy');
    expect(health.models.map(({ model_id }) => model_id)).toEqual(['m']);
    expect((await server.call('get_model', { model_id: 'm' })).model_id).toBe('m');
    expect((await server.call('search_models', {})).total).toBe(1);
    const listed = await server.call('list_predictions', { model_id: 'm' });
    if (listed.total < answered.length) expect(listed.warnings?.[0]).toMatch(/wait in the journal/);
    expect((await server.call('get_performance', { model_id: 'm' })).model_id).toBe('m');

    disk.clear();
    await server.call('update_model', { model_id: 'm', description: 'there is room' });
    expect((await logged()).toSorted()).toEqual(answered.toSorted());
    expect((await server.call('list_predictions', { model_id: 'm' })).warnings).toBeUndefined();
    await server.call('register_model', {
      model_id: 'new',
      version: '1',
      source: testModel('forest_classifier'),
    });
  });

  test('nothing that was answered on a full disk is lost with the process', async () => {
    disk.fill();
    await predict().catch(() => undefined);
    await server.kill();
    disk.clear();
    server = await startServer({ directory: scratch.path });
    expect(await logged()).toEqual(expect.arrayContaining(answered));
    expect(readdirSync(join(registry, 'incoming'))).toEqual([]);
  });
});
