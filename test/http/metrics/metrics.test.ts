import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../../e2e/environment.ts';
import { stores } from '../../e2e/stores.ts';
import { tcpProxy } from '../../e2e/tcp_proxy.ts';
import { until } from '../../e2e/until.ts';
import { startHttpServer, type TestHttpServer } from '../http_server.ts';
import { readExposition, type Sample, sumOf } from './exposition.ts';

const settings = { HEALTH_CHECK_INTERVAL_SEC: '1' };
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('/metrics of a server with two workers', () => {
  let scratch: Scratch;
  /** Another process of the store. */
  let operator: TestServer;
  let server: TestHttpServer;

  beforeAll(async () => {
    scratch = scratchDirectory();
    operator = await startServer({ directory: scratch.path, settings });
    const deploy = (model_id: string, version: string, source: string) =>
      operator.call('deploy_model', { model_id, version, source: testModel(source) });
    await deploy('m', '1', 'fails_run');
    await deploy('fails', '1', 'fails_run');
    server = await startHttpServer({ directory: scratch.path, settings, flags: ['--workers', '2'] });
  });
  afterAll(async () => {
    await server.close();
    await operator.close();
    scratch.remove();
  });

  const scrape = async (): Promise<Sample[]> => {
    const response = await fetch(`${server.url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return readExposition(await response.text());
  };
  /** On a connection of its own, so that workers take turns. */
  const predict = (model: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/v1/models/${model}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', ...headers },
      body: JSON.stringify(body),
    });
  const rows = { inputs: [{ x: 1 }, { x: 2 }] };
  const call = async (model: string, times: number) => {
    for (let done = 0; done < times; done += 10)
      await Promise.all(Array.from({ length: Math.min(10, times - done) }, () => predict(model, rows)));
  };

  test('counts the calls of all workers, whichever of them is asked', async () => {
    const answer = await predict('m', rows);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('predictions')]);
    await call('m', 39);
    const of = { model: 'm', version: '1' };
    for (let scraped = 0; scraped < 6; scraped++) {
      const samples = await scrape();
      expect(sumOf(samples, 'modelyard_workers')).toBe(2);
      const counted = { ...of, route: 'active', front: 'records' };
      expect(sumOf(samples, 'modelyard_predict_duration_seconds_count', counted)).toBe(40);
      expect(sumOf(samples, 'modelyard_predict_duration_seconds_bucket', { ...counted, le: '+Inf' })).toBe(
        40,
      );
      expect(sumOf(samples, 'modelyard_predict_rows_total', of)).toBe(80);
      expect(sumOf(samples, 'modelyard_predict_queue_seconds_count', of)).toBe(40);
    }
    const samples = await scrape();
    // Both workers had calls: each has a host of its own.
    expect(sumOf(samples, 'modelyard_engine_hosts', of)).toBe(2);
    expect(
      sumOf(samples, 'modelyard_http_request_duration_seconds_count', {
        method: 'POST',
        route: '/v1/models/:id/predict',
        status: '200',
      }),
    ).toBe(40);
    expect(sumOf(samples, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(sumOf(samples, 'process_resident_memory_bytes')).toBeGreaterThan(5e7);
  });

  test('counts failures by their code, and takes no name from a caller that is no model', async () => {
    expect((await predict('fails', { inputs: [{ x: 101 }] })).ok).toBe(false);
    expect((await predict('m', { inputs: [{ unknown: 1 }] })).status).toBe(400);
    for (let name = 0; name < 20; name++) expect((await predict(`junk-${name}`, rows)).status).toBe(404);
    const samples = await scrape();
    const errors = (labels: Record<string, string>) =>
      sumOf(samples, 'modelyard_predict_errors_total', labels);
    expect(errors({ model: 'fails', code: 'INFERENCE_FAILED', front: 'records' })).toBe(1);
    expect(errors({ model: 'm', code: 'SIGNATURE_MISMATCH' })).toBe(1);
    expect(errors({ model: '', code: 'MODEL_NOT_FOUND' })).toBe(20);
    expect(JSON.stringify(samples)).not.toContain('junk');
  });

  test('has what the store knows once, however many workers there are', async () => {
    await operator.call('set_reference_data', {
      model_id: 'm',
      data: Array.from({ length: 60 }, (_, row) => ({ x: row / 10 })),
    });
    await call('m', 40);
    const samples = await until(
      'drift is measured',
      async () => {
        const found = await scrape();
        const isCounted = sumOf(found, 'modelyard_store_calls_total', { model: 'm' }) === 80;
        return isCounted && found.some(({ name }) => name === 'modelyard_drift_score') ? found : undefined;
      },
      60_000,
    );
    const of = { model: 'm', version: '1' };
    expect(sumOf(samples, 'modelyard_versions_in_service')).toBe(2);
    expect(sumOf(samples, 'modelyard_versions_omitted')).toBe(0);
    expect(sumOf(samples, 'modelyard_traffic_weight', of)).toBe(1);
    expect(samples.filter(({ name }) => name === 'modelyard_breaker_state')).toEqual([
      { name: 'modelyard_breaker_state', labels: expect.objectContaining({ version: '1' }), value: 0 },
      { name: 'modelyard_breaker_state', labels: expect.objectContaining({ version: '1' }), value: 0 },
    ]);
    const column = { ...of, column: 'x', kind: 'feature', method: 'ks_test' };
    // 1 and 2 alone, where the reference has 60 values from 0 to 5.9: D = 39/60.
    expect(sumOf(samples, 'modelyard_drift_score', column)).toBeCloseTo(39 / 60, 9);
    expect(sumOf(samples, 'modelyard_drift_detected', column)).toBe(1);
    const alerts = await until(
      'an alert is open',
      async () => {
        const open = (await scrape()).filter(({ name }) => name === 'modelyard_alerts_open');
        return open.some(({ labels }) => labels.model === 'm') && open;
      },
      60_000,
    );
    expect(alerts.map(({ labels }) => labels.severity)).toContain('critical');
    expect(sumOf(samples, 'modelyard_prediction_log_lag_seconds')).toBeLessThan(60);
  });

  test('never goes back where a worker is killed', async () => {
    const count = async () =>
      sumOf(await scrape(), 'modelyard_predict_duration_seconds_count', { model: 'm' });
    const before = await count();
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(server.process.pid)], {
      encoding: 'utf8',
    });
    const [worker] = stdout.trim().split(/\s+/).map(Number);
    if (worker === undefined) throw new Error(`no worker: ${stdout}`);
    process.kill(worker, 'SIGKILL');
    await until(
      'another worker answers',
      async () =>
        scrape().then(
          (samples) => sumOf(samples, 'modelyard_workers') === 2,
          () => false,
        ),
      60_000,
    );
    expect(await count()).toBe(before);
    await call('m', 10);
    expect(await count()).toBe(before + 10);
  });

  test('a call over HTTP is logged with its trace', async () => {
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const answer = await predict('m', rows, { traceparent });
    expect(answer.status).toBe(200);
    const { predictions } = await operator.call('list_predictions', { model_id: 'm', limit: 2 });
    expect(predictions.map(({ trace_id }) => trace_id)).toEqual([traceId, traceId]);
  });
});

describe.each(stores.filter(({ kind }) => kind === 'postgresql'))('/metrics $name', ({ skipped, open }) => {
  test.skipIf(skipped)(
    'while the database is away, what the server counts is there',
    async () => {
      const scratch = scratchDirectory();
      const store = await open();
      const own = new URL(store.databaseUrl ?? '');
      const proxy = await tcpProxy(Number(own.port));
      own.port = String(proxy.port);
      const server = await startHttpServer({ directory: scratch.path, settings: { DATABASE_URL: own.href } });
      const scrape = async () => {
        const response = await fetch(`${server.url}/metrics`);
        expect(response.status).toBe(200);
        const samples = readExposition(await response.text());
        expect(sumOf(samples, 'modelyard_workers')).toBe(1);
        return { isUp: sumOf(samples, 'modelyard_store_up') === 1, text: JSON.stringify(samples) };
      };
      try {
        expect(await scrape()).toEqual({ isUp: true, text: expect.stringContaining('versions_in_service') });
        proxy.swallow();
        await until('it is told', async () => !(await scrape()).isUp, 60_000);
        expect((await scrape()).text).not.toContain('versions_in_service');
        proxy.forward();
        await until('it is there again', async () => (await scrape()).isUp, 60_000);
      } finally {
        await server.close();
        await proxy.close();
        await store.drop();
        scratch.remove();
      }
    },
    180_000,
  );
});
