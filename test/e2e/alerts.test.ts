import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AlertMessage, alertMessageSchema } from '../../src/monitoring/alerts/alert_message.ts';
import { type Receiver, startReceiver } from '../monitoring/alerts/receiver.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

/** slow_run answers x; with class labels that is a probability, which 3 is not. */
const bad = [{ x: 3 }];
const labelled = { class_labels: ['no', 'yes'] };
const secret = 'the secret of this test';

/** A server with what it told its client of alerts. */
interface ListeningServer {
  server: TestServer;
  told: { level: string; message: AlertMessage }[];
}

describe.each(stores)('alerts $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let receiver: Receiver;
  let servers: ListeningServer[];

  async function start(settings: Record<string, string> = {}): Promise<ListeningServer> {
    const server = await startServer({
      directory: scratch.path,
      // A loaded machine makes calls slow, which is an alert of its own where the latency is watched.
      settings: {
        ...store.settings,
        HEALTH_CHECK_INTERVAL_SEC: '1',
        LATENCY_THRESHOLD_MS: '60000',
        ...settings,
      },
    });
    const told: ListeningServer['told'] = [];
    server.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      expect(params.logger).toBe('modelyard.alerts');
      told.push({ level: params.level, message: alertMessageSchema.parse(params.data) });
    });
    // The store opens after the handshake.
    await server.call('health_check');
    return { server, told };
  }

  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    receiver = await startReceiver();
    const webhook = { MODELYARD_ALERT_WEBHOOK: receiver.url, MODELYARD_ALERT_WEBHOOK_SECRET: secret };
    servers = await Promise.all([
      start(),
      start(webhook),
      start(webhook),
      start({ MODELYARD_ROLE: 'viewer' }),
    ]);
  });
  afterAll(async () => {
    if (skipped) return;
    await Promise.all(servers.map(({ server }) => server.close()));
    await receiver.close();
    await store.drop();
    scratch.remove();
  });

  const eventsOf = ({ told }: ListeningServer) => told.map(({ level, message }) => [message.event, level]);

  it.skipIf(skipped)(
    'a version that fails is one alert: told once to the client of every process, to the webhook and to the log',
    async () => {
      const [one, , , viewer] = servers;
      if (one === undefined || viewer === undefined) throw new Error('the servers did not start');
      // A client that wants to hear of nothing below critical hears of this one.
      await viewer.server.client.setLoggingLevel('critical');
      const { server } = one;
      await server.call('deploy_model', {
        model_id: 'failing',
        version: '1',
        source: testModel('slow_run'),
        ...labelled,
      });
      await Promise.all(
        Array.from({ length: 40 }, () => server.attempt('predict', { model_id: 'failing', inputs: bad })),
      );
      await until('every client to be told', () => servers.every(({ told }) => told.length > 0), 30_000);
      await receiver.untilReceived(1);
      // The first evaluation may have come between the calls, their log and the breaker: all is of the same cause.
      const { total, alerts } = await until('both rules to be known', async () => {
        const listed = await server.call('list_alerts', { model_id: 'failing' });
        return listed.alerts[0]?.rules.length === 2 && listed;
      });
      expect(total).toBe(1);
      expect(alerts).toMatchObject([
        { version: '1', state: 'open', severity: 'critical', resolved_at: null, acknowledged_at: null },
      ]);
      expect(alerts[0]?.rules.toSorted()).toEqual(['breaker', 'error_rate']);
      expect(servers.map(eventsOf)).toEqual(servers.map(() => [['opened', 'critical']]));
      const { checks } = await server.call('health_check');
      expect(checks).toContainEqual({
        name: 'alerts',
        status: 'degraded',
        detail: expect.stringContaining('1 open (1 critical)'),
      });
    },
  );

  it.skipIf(skipped)(
    'it is acknowledged once, by a role that may, with an entry in the audit trail',
    async () => {
      const [one, , , viewer] = servers;
      const { alerts } = (await one?.server.call('list_alerts', { state: 'open' })) ?? { alerts: [] };
      const given = { alert_id: alerts[0]?.alert_id ?? '', note: 'the input is known to be bad' };
      expect((await viewer?.server.fail('acknowledge_alert', given))?.code).toBe('PERMISSION_DENIED');
      const acknowledged = await one?.server.call('acknowledge_alert', given);
      expect(acknowledged).toMatchObject({
        model_id: 'failing',
        state: 'acknowledged',
        changed: true,
        note: given.note,
        acknowledged_by: 'operator (modelyard-e2e 1.0.0)',
      });
      // What changed nothing has no undo.
      const { undo, ...stands } = acknowledged ?? {};
      expect(undo).toMatch(/^Cannot be undone/);
      expect(await one?.server.call('acknowledge_alert', given)).toEqual({ ...stands, changed: false });
      expect((await one?.server.fail('acknowledge_alert', { alert_id: 'none' }))?.code).toBe('INVALID_INPUT');
      expect(await viewer?.server.call('list_alerts', { state: 'open' })).toEqual({
        note: expect.stringContaining('not instructions'),
        total: 0,
        alerts: [],
        next_cursor: null,
      });
      const health = await viewer?.server.call('health_check');
      expect(health?.checks.find(({ name }) => name === 'alerts')?.detail).toMatch(
        /^none open; 1 acknowledged/,
      );
    },
  );

  it.skipIf(skipped)(
    'it resolves by itself when the version is retired; a client hears of it as of its level',
    async () => {
      const [one] = servers;
      await one?.server.call('retire_model', { model_id: 'failing', version: '1', force: true });
      const others = servers.slice(0, 3);
      await until(
        'the resolution',
        () => others.every(({ told }) => told.some(({ level }) => level === 'notice')),
        30_000,
      );
      await receiver.untilReceived(2);
      // The last server's client asked for critical ones only; one more round would have told it.
      await servers[3]?.server.call('health_check');
      expect(servers.map(eventsOf)).toEqual([
        ...others.map(() => [
          ['opened', 'critical'],
          ['resolved', 'notice'],
        ]),
        [['opened', 'critical']],
      ]);
      const { alerts } = (await one?.server.call('list_alerts', { state: 'resolved' })) ?? { alerts: [] };
      expect(alerts).toMatchObject([{ model_id: 'failing', note: 'the input is known to be bad' }]);
      expect(receiver.received.map(({ body }) => JSON.parse(body).event)).toEqual(['opened', 'resolved']);
    },
  );

  it.skipIf(skipped)('when those that may have been in charge are killed, another watches on', async () => {
    const [one, last, ...others] = servers;
    await Promise.all([one, ...others].map((killed) => killed?.server.kill()));
    const before = last?.told.length ?? 0;
    await last?.server.call('deploy_model', {
      model_id: 'alone',
      version: '1',
      source: testModel('slow_run'),
      ...labelled,
    });
    await Promise.all(
      Array.from({ length: 40 }, () => last?.server.attempt('predict', { model_id: 'alone', inputs: bad })),
    );
    await until('the alert', () => (last?.told.length ?? 0) > before, 30_000);
    expect(last?.told.at(-1)?.message).toMatchObject({ event: 'opened', model_id: 'alone' });
    await receiver.untilReceived(3);
  });

  it.skipIf(skipped)('one process of all logged it, and none the address of the webhook', async () => {
    await Promise.all(servers.map(({ server }) => server.close()));
    const logs = join(scratch.path, 'registry', 'logs');
    const lines = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n'));
    expect(lines.filter((line) => line.includes('alert [critical] failing 1'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('alert [resolved] failing 1'))).toHaveLength(1);
    const said = [...lines, ...servers.map(({ server }) => server.standardError())].join('\n');
    expect(said).not.toContain('very-secret-token');
    expect(said).not.toContain(secret);
  });
});
