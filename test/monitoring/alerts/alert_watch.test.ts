import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { acknowledgeAlert } from '../../../src/monitoring/alerts/acknowledge_alert.ts';
import {
  type Evidence,
  type EvidenceRequest,
  gatherEvidence,
} from '../../../src/monitoring/alerts/evidence.ts';
import { listAlerts } from '../../../src/monitoring/alerts/list_alerts.ts';
import { isUniqueViolation } from '../../../src/storage/database.ts';
import { callBy } from '../../access/origins.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { intervalMs, openWatchedStore, type WatchedStore, type WatchingProcess } from './watching.ts';

const minuteMs = 60_000;
const leaseMs = 20_000;

describeOnEachDatabase('the watch for alerts', (store) => {
  let watched: WatchedStore;
  let processes: WatchingProcess[] = [];
  let modelId = '';
  let next = 0;

  beforeAll(async () => {
    watched = await openWatchedStore(store);
    return watched.log.close;
  });
  beforeEach(async () => {
    modelId = `m${next++}`;
    await watched.deploy(modelId, '1');
    return async () => {
      // The next test begins with no alert open and nobody in charge.
      await watched.retire(modelId);
      const [last] = processes.length > 0 ? processes : [await watched.start()];
      for (let round = 0; round < 5; round++) if (last !== undefined) await evaluate(last);
      for (const { watch } of processes) await watch.close();
      processes = [];
      watched.pass(3_600_000);
    };
  });
  afterAll(async () => {
    for (const { watch } of processes) await watch.close();
  });

  async function start(given: Parameters<WatchedStore['start']>[0] = {}): Promise<WatchingProcess> {
    const started = await watched.start(given);
    processes.push(started);
    return started;
  }
  /** An interval passes, then the process looks. */
  async function evaluate({ watch }: WatchingProcess): Promise<void> {
    watched.pass(intervalMs);
    await watch.tick();
  }
  const alerts = async () => (await listAlerts(watched.database, { modelId, limit: 100 })).alerts;
  const heard = ({ told }: WatchingProcess) =>
    told.filter((message) => message.model_id === modelId).map(({ event, severity }) => [event, severity]);

  test('finds a version that fails, tells every process once, and resolves by itself', async () => {
    const [one, two] = [await start(), await start()];
    await evaluate(one);
    await watched.serve(modelId, { answered: 10, failed: 30 });
    await evaluate(one);
    await two.watch.tick();
    expect(await alerts()).toMatchObject([
      {
        state: 'open',
        severity: 'critical',
        rules: ['error_rate'],
        summary: '75.0 % of 40 calls failed in the last 10 minutes (threshold 10.0 %).',
        openedAt: watched.now(),
        resolvedAt: null,
      },
    ]);
    expect([heard(one), heard(two)]).toEqual([[['opened', 'critical']], [['opened', 'critical']]]);
    // Logged once in all, where it was found.
    expect(one.logged).toMatchObject([
      [
        'error',
        `alert [critical] ${modelId} 1: 75.0 % of 40 calls failed in the last 10 minutes (threshold 10.0 %).`,
        { model_id: modelId },
      ],
    ]);
    expect(two.logged).toEqual([]);
    watched.pass(11 * minuteMs);
    for (let round = 0; round < 3; round++) {
      await watched.serve(modelId, { answered: 40 });
      expect(heard(one)).toHaveLength(1);
      await evaluate(one);
      await two.watch.tick();
    }
    expect(await alerts()).toMatchObject([{ state: 'resolved', resolvedAt: watched.now() }]);
    expect(heard(two)).toEqual([
      ['opened', 'critical'],
      ['resolved', 'critical'],
    ]);
  });

  test('three calls raise nothing', async () => {
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 3 });
    for (let round = 0; round < 3; round++) await evaluate(one);
    expect(await alerts()).toEqual([]);
  });

  test('a breaker that tripped because of errors and the errors are one alert; slowness is another', async () => {
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 40, latencyMs: 5000 });
    await watched.database
      .insertInto('breakers')
      .values({
        model_id: modelId,
        version: '1',
        reopens_at: watched.now() + 300_000,
        open_ms: 300_000,
        trips: 1,
        last_tripped_at: watched.now(),
        last_reason: '20 of 20 calls failed',
      })
      .execute();
    await evaluate(one);
    expect((await alerts()).map(({ subject, rules }) => [subject.cause, rules]).toSorted()).toEqual([
      ['errors', ['error_rate', 'breaker']],
      ['latency', ['latency']],
    ]);
  });

  test("a deployment's own thresholds count", async () => {
    await watched.database
      .updateTable('deployments')
      .set({ error_threshold: 0.9, latency_threshold_ms: 20_000 })
      .where('model_id', '=', modelId)
      .execute();
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { answered: 20, failed: 20, latencyMs: 5000 });
    await evaluate(one);
    expect(await alerts()).toEqual([]);
  });

  test('four processes at once evaluate once in an interval and open it once', async () => {
    const gathered: number[] = [];
    const counting = async (request: EvidenceRequest): Promise<Evidence> => {
      gathered.push(request.now);
      return gatherEvidence(watched.database, request, watched.now);
    };
    for (let count = 0; count < 4; count++) await start({ gather: counting });
    await Promise.all(processes.map(({ watch }) => watch.tick()));
    await watched.serve(modelId, { failed: 40 });
    for (let round = 0; round < 5; round++) {
      watched.pass(intervalMs);
      await Promise.all(processes.map(({ watch }) => watch.tick()));
    }
    expect(new Set(gathered).size).toBe(gathered.length);
    expect(gathered.length).toBeGreaterThanOrEqual(4);
    expect(await alerts()).toHaveLength(1);
    for (const { watch } of processes) await watch.tick();
    expect(processes.map(heard)).toEqual([1, 2, 3, 4].map(() => [['opened', 'critical']]));
  });

  test('another process takes over when the holder is killed, after its lease, and at once when it ends', async () => {
    const [one, two] = [await start(), await start()];
    await evaluate(one);
    await watched.serve(modelId, { failed: 40 });
    await one.watch.tick();
    // One has the lease and is not heard of again.
    watched.pass(intervalMs / 6);
    await two.watch.tick();
    expect(await alerts()).toEqual([]);
    watched.pass(leaseMs + intervalMs);
    await two.watch.tick();
    expect(await alerts()).toHaveLength(1);
    await two.watch.close();
    const three = await start();
    await watched.serve(modelId, { failed: 40, latencyMs: 9999 });
    await evaluate(three);
    expect(await alerts()).toHaveLength(2);
  });

  test('a process that lost the lease on the way writes nothing', async () => {
    let isAway = false;
    const two = await start();
    const one = await start({
      gather: async (request) => {
        const evidence = await gatherEvidence(watched.database, request, watched.now);
        if (isAway) {
          isAway = false;
          // It took so long that another took over, and evaluated.
          watched.pass(leaseMs + intervalMs);
          await two.watch.tick();
        }
        return evidence;
      },
    });
    await one.watch.tick();
    await watched.serve(modelId, { failed: 40 });
    isAway = true;
    await evaluate(one);
    expect(isAway).toBe(false);
    expect(await alerts()).toHaveLength(1);
    expect([one, two].map(({ logged }) => logged.length)).toEqual([0, 1]);
  });

  test('the database itself lets no group have two open alerts', async () => {
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 40 });
    await evaluate(one);
    const row = await watched.database
      .selectFrom('alerts')
      .selectAll()
      .where('model_id', '=', modelId)
      .executeTakeFirstOrThrow();
    const second = watched.database
      .insertInto('alerts')
      .values({ ...row, alert_id: 'another' })
      .execute();
    expect(isUniqueViolation(await second.catch((error: unknown) => error))).toBe(true);
  });

  test('an acknowledged alert stays so through evaluations, resolves by itself, and may come back as a new one', async () => {
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 40 });
    await evaluate(one);
    const [alert] = await alerts();
    const alertId = alert?.alertId ?? '';
    const acknowledge = (note?: string) =>
      acknowledgeAlert(
        { database: watched.database, clock: watched.now },
        { alertId, note },
        callBy('operator'),
      );
    const entries = async () =>
      (
        await watched.database
          .selectFrom('audit_entries')
          .selectAll()
          .where('model_id', '=', modelId)
          .execute()
      ).filter(({ after }) => after?.includes(alertId));
    expect(await acknowledge('I look after it')).toMatchObject({
      changed: true,
      alert: {
        state: 'acknowledged',
        note: 'I look after it',
        acknowledgedBy: 'operator',
        acknowledgedAt: watched.now(),
      },
    });
    const at = watched.now();
    watched.pass(1000);
    // Said again, it changes nothing and leaves no trace; another note does.
    expect(await acknowledge('I look after it')).toMatchObject({
      changed: false,
      alert: { acknowledgedAt: at },
    });
    expect(await acknowledge()).toMatchObject({ changed: false, alert: { note: 'I look after it' } });
    expect(await entries()).toHaveLength(1);
    expect(await acknowledge('solved')).toMatchObject({
      changed: true,
      alert: { acknowledgedAt: at, note: 'solved' },
    });
    expect(await entries()).toHaveLength(2);
    await watched.serve(modelId, { failed: 40 });
    await evaluate(one);
    expect(await alerts()).toMatchObject([{ state: 'acknowledged', severity: 'critical' }]);
    watched.pass(11 * minuteMs);
    for (let round = 0; round < 3; round++) {
      await watched.serve(modelId, { answered: 40 });
      await evaluate(one);
    }
    expect(await alerts()).toMatchObject([{ alertId, state: 'resolved', note: 'solved' }]);
    expect(await acknowledge('too late')).toMatchObject({
      changed: false,
      alert: { state: 'resolved', note: 'solved' },
    });
    watched.pass(20 * minuteMs);
    await watched.serve(modelId, { failed: 400 });
    await evaluate(one);
    expect((await alerts()).map(({ state }) => state)).toEqual(['open', 'resolved']);
  });

  test('an alert that is not there cannot be acknowledged', async () => {
    const acknowledged = acknowledgeAlert(
      { database: watched.database, clock: watched.now },
      { alertId: 'no such alert' },
      callBy('operator'),
    );
    await expect(acknowledged).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'There is no alert no such alert.',
      hint: expect.stringContaining('list_alerts'),
    });
  });

  test('alerts of a version that is retired end by themselves', async () => {
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 40 });
    await evaluate(one);
    await watched.retire(modelId);
    for (let round = 0; round < 3; round++) await evaluate(one);
    expect((await alerts()).map(({ state }) => state)).toEqual(['resolved']);
  });

  test('an evaluation that fails is said once, is tried an interval later, and keeps nothing from working', async () => {
    let attempts = 0;
    const one = await start({
      gather: () => {
        attempts++;
        return Promise.reject(new Error('the thread ended'));
      },
    });
    for (let round = 0; round < 3; round++) {
      await evaluate(one);
      // Within the interval it is not tried again.
      watched.pass(5_000);
      await one.watch.tick();
    }
    expect(attempts).toBe(3);
    expect(one.logged).toMatchObject([['warn', 'alerts could not be evaluated', {}]]);
  });

  test('a clock that is set back stops nothing', async () => {
    const one = await start();
    await evaluate(one);
    watched.pass(-400 * 24 * 60 * minuteMs);
    await watched.serve(modelId, { failed: 40 });
    await one.watch.tick();
    watched.pass(1000);
    await one.watch.tick();
    expect(await alerts()).toHaveLength(1);
    const two = await start();
    await two.watch.tick();
    watched.pass(leaseMs + intervalMs);
    await two.watch.tick();
    watched.pass(400 * 24 * 60 * minuteMs);
    expect(two.logged).toEqual([]);
  });

  test('performance that dropped is an alert, where somebody measures it; a failure to measure is not', async () => {
    await watched.deploy(`${modelId}b`, '1');
    const one = await start({
      performanceEvidence: async (measured) => {
        if (measured !== modelId) throw new Error('the outcomes cannot be read');
        return {
          metric: 'accuracy',
          higherIsBetter: true,
          reference: 0.8,
          current: 0.6,
          low: 0.55,
          high: 0.65,
          outcomes: 400,
          isEstimate: false,
        };
      },
    });
    await one.watch.tick();
    await evaluate(one);
    expect(await alerts()).toMatchObject([
      { severity: 'critical', rules: ['performance'], subject: { cause: 'performance', version: '1' } },
    ]);
    expect(one.logged.map(([level, message]) => [level, message])).toContainEqual([
      'warn',
      'performance could not be evaluated',
    ]);
    await watched.retire(`${modelId}b`);
  });

  test('alerts are listed newest first, page by page, by model, severity and state', async () => {
    await watched.deploy(`${modelId}b`, '1');
    const one = await start();
    await evaluate(one);
    await watched.serve(modelId, { failed: 40 });
    await evaluate(one);
    await watched.serve(`${modelId}b`, { answered: 30, failed: 10, latencyMs: 3000 });
    await evaluate(one);
    await watched.retire(`${modelId}b`);
    const list = (query: Partial<Parameters<typeof listAlerts>[1]>) =>
      listAlerts(watched.database, { limit: 100, ...query });
    const { total, alerts: open } = await list({ state: 'open' });
    expect(total).toBe(3);
    expect(open.map(({ subject, severity }) => [subject.modelId, severity])).toEqual([
      [`${modelId}b`, expect.any(String)],
      [`${modelId}b`, expect.any(String)],
      [modelId, 'critical'],
    ]);
    const first = await list({ state: 'open', limit: 2 });
    const second = await list({ state: 'open', limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.alerts, ...second.alerts]).toEqual(open);
    expect(second.nextCursor).toBeNull();
    expect((await list({ modelId, severity: 'info' })).alerts).toEqual([]);
    expect((await list({ modelId: `${modelId}b`, severity: 'warning' })).alerts).toMatchObject([
      { subject: { cause: 'errors' } },
    ]);
    await expect(list({ modelId: 'nobody' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(list({ cursor: 'made up' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});
