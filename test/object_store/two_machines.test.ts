import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestServer } from '../e2e/client.ts';
import { until } from '../e2e/until.ts';
import { isThere, type Machine, openSite, type Site } from './machines.ts';
import { bucket } from './s3_server.ts';

const row = { f0: 1, f1: 2, f2: 3 };
const answer = 4.75;
/** More calls than a breaker wants to see before it opens. */
const many = 30;

const unavailable = { code: 'STORAGE_UNAVAILABLE', retryable: true };

describe.skipIf(!isThere)('two machines with a PostgreSQL and an object store', { timeout: 240_000 }, () => {
  let site: Site;
  let one: Machine;
  let two: Machine;
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    if (!isThere) return;
    site = await openSite('production');
    one = site.machine();
    two = site.machine();
    first = await one.start({ MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' });
    second = await two.start({ MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' });
  }, 240_000);
  afterAll(async () => {
    await first?.close();
    await second?.close();
    await site?.close();
  });

  beforeEach(() => site.proxy.use({ kind: 'pass' }));

  const deploy = (model_id: string, server = first, source = one.ownModel(model_id)) =>
    server.call('deploy_model', { model_id, version: '1', source });
  const predict = (server: TestServer, model_id: string) =>
    server.call('predict', { model_id, inputs: [row] });
  const modelHealth = async (server: TestServer, model_id: string) => {
    const { models } = await server.call('health_check', { model_id });
    return models[0];
  };

  it('what one deploys the other predicts with, promotes, and detects drift of', async () => {
    expect((await deploy('shared')).status).toBe('ready');
    expect((await predict(second, 'shared')).predictions[0]?.value).toBe(answer);
    expect(existsSync(join(one.scratch.path, 'registry', 'artifacts'))).toBe(false);
    for (const stage of ['staging', 'production'])
      await second.call('promote_model', { model_id: 'shared', version: '1', target_stage: stage });
    const { versions } = await first.call('get_model', { model_id: 'shared' });
    expect(versions[0]?.stage).toBe('production');
    const rows = (shift: number) =>
      Array.from({ length: 200 }, (_, index) => ({ f0: (index % 17) + shift, f1: index % 5, f2: index % 3 }));
    await first.call('set_reference_data', { model_id: 'shared', data: rows(0) });
    const report = await second.call('detect_drift', { model_id: 'shared', current_data: rows(9) });
    expect(report.is_drift).toBe(true);
    for (const server of [first, second]) {
      const { checks } = await server.call('health_check');
      expect(checks.find(({ name }) => name === 'artifacts')).toMatchObject({
        status: 'healthy',
        detail: expect.stringContaining('s3://models/production/'),
      });
      expect(server.standardError()).toBe('');
    }
  });

  it('while the store is down, what is loaded goes on; the rest is unavailable, to nobody else and to no breaker', async () => {
    await deploy('away');
    site.proxy.use({ kind: 'down' });
    expect((await predict(second, 'shared')).predictions[0]?.value).toBe(answer);
    const failed = await Promise.all(
      Array.from({ length: many }, () => second.fail('predict', { model_id: 'away', inputs: [row] })),
    );
    for (const error of failed) expect(error).toMatchObject(unavailable);
    expect(
      await second.fail('promote_model', { model_id: 'away', version: '1', target_stage: 'staging' }),
    ).toMatchObject(unavailable);
    expect(
      await second.fail('deploy_model', { model_id: 'new', version: '1', source: two.ownModel('new') }),
    ).toMatchObject(unavailable);
    // The file of the first machine is in its cache, and loaded besides.
    expect((await predict(first, 'away')).predictions[0]?.value).toBe(answer);
    const health = await second.call('health_check');
    expect(health.status).toBe('degraded');
    expect(health.checks.find(({ name }) => name === 'artifacts')).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('does not answer'),
    });
    expect(await modelHealth(second, 'away')).toMatchObject({ status: 'degraded' });
    expect(await modelHealth(first, 'away')).toMatchObject({
      circuit_breaker: { state: 'closed', trips: 0 },
      request_count: 1,
      error_count: 0,
    });
    site.proxy.use({ kind: 'pass' });
    expect((await predict(second, 'away')).predictions[0]?.value).toBe(answer);
    expect((await deploy('new', second, two.ownModel('new'))).status).toBe('ready');
    await until('the second machine is healthy again', async () => {
      return (await second.call('health_check')).status === 'healthy';
    });
  });

  it('calls that wait for an artifact that comes slowly are told so, and are no errors of the model', async () => {
    await deploy('slow');
    const hasty = await two.start({ MODELYARD_PREDICT_TIMEOUT_MS: '500' });
    site.proxy.use({ kind: 'held' }, ({ method, path }) => method === 'GET' && path.includes('.onnx'));
    const errors = await Promise.all(
      Array.from({ length: many }, () => hasty.fail('predict', { model_id: 'slow', inputs: [row] })),
    );
    for (const error of errors)
      expect(error).toMatchObject({ ...unavailable, message: expect.stringContaining('on its way') });
    site.proxy.use({ kind: 'pass' });
    const answered = await until('it has come', async () => {
      const result = await hasty.attempt('predict', { model_id: 'slow', inputs: [row] });
      return result.isError !== true;
    });
    expect(answered).toBe(true);
    expect(await modelHealth(first, 'slow')).toMatchObject({
      circuit_breaker: { state: 'closed', trips: 0 },
      error_count: 0,
    });
    await hasty.close();
  });

  it('bytes that were changed in the store are a mismatch, and registering the file again mends them', async () => {
    const source = one.ownModel('damaged');
    await deploy('damaged', first, source);
    const { versions } = await first.call('get_model', { model_id: 'damaged', version: '1' });
    const sha256 = versions[0]?.artifact?.sha256 ?? '';
    const key = `production/artifacts/${sha256}.onnx`;
    const { Contents: [object] = [] } = await site.s3.client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: key }),
    );
    const evil = Buffer.alloc(object?.Size ?? 0);
    await site.s3.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: evil }));
    expect(await second.fail('predict', { model_id: 'damaged', inputs: [row] })).toMatchObject({
      code: 'ARTIFACT_MISMATCH',
      retryable: false,
    });
    const found = await two.command(['verify']);
    expect(found.code).toBe(1);
    expect(found.output).toContain(`the artifact ${sha256} of damaged 1 is damaged`);
    await first.call('register_model', { model_id: 'damaged', version: '1', source });
    expect((await predict(second, 'damaged')).predictions[0]?.value).toBe(answer);
    expect(await two.command(['verify'])).toMatchObject({ code: 0 });
  });

  it('a deletion removes the object, or leaves litter while the store is down; a backup has all of them', async () => {
    for (const model_id of ['gone', 'left']) {
      await first.call('register_model', { model_id, version: '1', source: one.ownModel(model_id) });
      await first.call('promote_model', { model_id, version: '1', target_stage: 'archived' });
    }
    const remove = async (model_id: string) => {
      const { confirm } = await second.call('delete_model', { model_id, version: '1', dry_run: true });
      return second.call('delete_model', { model_id, version: '1', confirm });
    };
    expect((await remove('gone')).bytes_freed).toBeGreaterThan(0);
    site.proxy.use({ kind: 'down' });
    expect((await remove('left')).bytes_freed).toBe(0);
    site.proxy.use({ kind: 'pass' });
    // It is no hour old, so it may be of a registration under way.
    expect((await one.command(['litter'])).output).toMatch(/^0 files/);

    const file = join(one.scratch.path, 'store.tar');
    const written = await one.command(['backup', file]);
    expect(written).toMatchObject({ code: 0 });
    const restored = site.machine();
    const apart = { MODELYARD_ROLE: 'admin', MODELYARD_ARTIFACTS: `s3://${bucket}/restored` };
    const own = { ...apart, DATABASE_URL: '' };
    expect(
      await restored.command(['restore', file], {
        ...own,
        MODELYARD_ARTIFACTS: site.settings.MODELYARD_ARTIFACTS ?? '',
      }),
    ).toMatchObject({
      code: 1,
      errors: expect.stringContaining('another store'),
    });
    rmSync(join(restored.scratch.path, 'registry'), { recursive: true });
    expect(await restored.command(['restore', file], own)).toMatchObject({ code: 0 });
    const server = await restored.start(own);
    expect((await predict(server, 'shared')).predictions[0]?.value).toBe(answer);
    await server.close();
    expect(await restored.command(['verify'], own)).toMatchObject({ code: 0 });
  });

  it('a server whose credentials are refused says so at start, and doctor says it too', async () => {
    site.proxy.use({ kind: 'denied' });
    const stranger = site.machine();
    const server = await stranger.start();
    await until('it says so', () =>
      server.standardError().includes('refuses this server (InvalidAccessKeyId)'),
    );
    expect(server.standardError()).toContain('AWS_ACCESS_KEY_ID');
    await server.close();
    const { code, output } = await stranger.command(['doctor']);
    expect(code).toBe(1);
    expect(output).toMatch(
      /PROBLEM artifacts +The object store s3:\/\/models\/production\/ refuses this server/,
    );
    site.proxy.use({ kind: 'pass' });
    expect((await stranger.command(['doctor'])).output).toMatch(
      /ok +artifacts +s3:\/\/models\/production\/ answers/,
    );
  });

  it('two processes of one machine share its copies', async () => {
    const third = site.machine();
    const [left, right] = await Promise.all([third.start(), third.start()]);
    const answers = await Promise.all([left, right, left, right].map((server) => predict(server, 'shared')));
    expect(answers.map(({ predictions }) => predictions[0]?.value)).toEqual(answers.map(() => answer));
    const registry = join(third.scratch.path, 'registry');
    expect(readdirSync(join(registry, 'incoming'))).toEqual([]);
    expect(readdirSync(join(registry, 'artifact_cache')).length).toBeLessThan(3);
    await Promise.all([left.close(), right.close()]);
  });
});

describe.skipIf(!isThere)('machines with a PostgreSQL and folders of their own', { timeout: 240_000 }, () => {
  let site: Site;
  beforeAll(async () => {
    if (isThere) site = await openSite('later');
  }, 240_000);
  afterAll(() => site?.close());

  it('are told so at start, blame no model, and come together by modelyard upload', async () => {
    const [one, two] = [site.machine(), site.machine()];
    const local = { MODELYARD_ARTIFACTS: 'local', MODELYARD_ROLE: 'admin' };
    const first = await one.start(local);
    await first.call('deploy_model', { model_id: 'm', version: '1', source: one.ownModel('m') });
    expect(first.standardError()).toBe('');
    const second = await two.start(local);
    await until('the second is told', () =>
      second.standardError().includes('keeps artifacts in a folder of its own'),
    );
    expect(second.standardError()).toContain('MODELYARD_ARTIFACTS=s3://bucket/prefix');
    for (let call = 0; call < many; call++)
      expect(await second.fail('predict', { model_id: 'm', inputs: [row] })).toMatchObject(unavailable);
    expect(
      await second.fail('promote_model', { model_id: 'm', version: '1', target_stage: 'staging' }),
    ).toMatchObject(unavailable);
    const health = await second.call('health_check');
    expect(health.status).toBe('degraded');
    expect(health.models[0]).toMatchObject({
      status: 'degraded',
      circuit_breaker: { state: 'closed', trips: 0 },
      error_count: 0,
    });
    expect((await first.call('health_check')).status).toBe('healthy');
    await Promise.all([first.close(), second.close()]);

    expect(await two.command(['upload'], { MODELYARD_ROLE: 'admin' })).toMatchObject({
      code: 1,
      output: expect.stringContaining('0 were there, 1 are missing'),
    });
    expect(await one.command(['upload'], { MODELYARD_ROLE: 'admin' })).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 artifacts uploaded to s3://models/later/'),
    });
    rmSync(join(one.scratch.path, 'registry', 'artifacts'), { recursive: true });
    for (const machine of [one, two]) {
      const server = await machine.start();
      const { predictions } = await server.call('predict', { model_id: 'm', inputs: [row] });
      expect(predictions[0]?.value).toBe(answer);
      await server.close();
    }
  });
});
