import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readAlertHealth } from '../../../src/monitoring/alerts/alert_health.ts';
import { alertMessageSchema } from '../../../src/monitoring/alerts/alert_message.ts';
import { postWebhook, signatureOf, webhookBody } from '../../../src/monitoring/alerts/webhook.ts';
import { retryPauseMs } from '../../../src/monitoring/alerts/webhook_queue.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { cases } from './cases.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { intervalMs, openWatchedStore, type WatchedStore, type WatchingProcess } from './watching.ts';

const hourMs = 3_600_000;
const secret = 'a secret of the webhook';

const message = alertMessageSchema.parse({
  event: 'opened',
  alert_id: 'id',
  model_id: 'churn',
  version: '3',
  severity: 'critical',
  cause: 'data',
  rules: ['drift'],
  summary: '1 of 2 features drifted: "<!channel> & co".',
  facts: { drift: { rows: 30 } },
  opened_at: '2026-01-31T00:00:00.000Z',
  at: '2026-01-31T00:00:00.000Z',
});

describe('a message', () => {
  test.each(cases.signatures)(
    'is signed as Python does it: %o',
    ({ secret: key, timestamp, body, signature }) => {
      expect(signatureOf(key, timestamp, body)).toBe(signature);
    },
  );

  test('is JSON with a text that Slack shows and cannot take for a command, and fields for programs', () => {
    expect(JSON.parse(webhookBody(message))).toEqual({
      text: '[critical] churn 3: 1 of 2 features drifted: "&lt;!channel&gt; &amp; co".',
      ...message,
    });
  });

  test('waits twice as long after every failure, up to an hour, never less than a receiver may take', () => {
    expect([1, 2, 3, 8, 9, 100].map((attempt) => retryPauseMs(attempt, 1) / 1000)).toEqual([
      30, 60, 120, 3600, 3600, 3600,
    ]);
    expect(retryPauseMs(1, 0)).toBe(15_000);
  });
});

describe('a receiver', () => {
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
    return receiver.close;
  });
  const post = (url = receiver.url, timeLimitMs = 10_000) =>
    postWebhook({ url, secret }, { deliveryId: 'd', body: '{}' }, 1_767_225_600_999, timeLimitMs);

  test('gets the body with its signature and time, and the user of the address as a header', async () => {
    const address = Object.assign(new URL(receiver.url), { username: 'us%40er', password: 'pass' }).href;
    expect(await post(address)).toBeUndefined();
    expect(receiver.received).toMatchObject([
      {
        path: '/services/T000/B000/very-secret-token',
        body: '{}',
        headers: {
          'content-type': 'application/json',
          'x-modelyard-delivery': 'd',
          'x-modelyard-timestamp': '1767225600',
          'x-modelyard-signature': `sha256=${signatureOf(secret, 1_767_225_600, '{}')}`,
          authorization: `Basic ${Buffer.from('us@er:pass').toString('base64')}`,
        },
      },
    ]);
  });

  test('that answers with an error, or with nothing, is a failure that does not name the address', async () => {
    receiver.answer({ status: 500 });
    expect(await post()).toBe('it answered 500');
    receiver.answer('cut');
    expect(await post()).toMatch(/^it could not be reached( \([A-Z_]+\))?$/);
    receiver.answer('hang');
    expect(await post(receiver.url, 50)).toBe('it did not answer within 50 ms');
    await receiver.close();
    expect(await post()).toBe('it could not be reached (ECONNREFUSED)');
  });

  test('that sends elsewhere is not followed', async () => {
    const elsewhere = await startReceiver('/elsewhere');
    receiver.answer({ status: 307, location: elsewhere.url });
    expect(await post()).toBe('it answered 307, and redirects are not followed');
    expect(elsewhere.received).toEqual([]);
    await elsewhere.close();
  });

  test('that nobody could reach is said without its name', async () => {
    const failure = await post('http://token.invalid/secret-path');
    expect(failure).toMatch(/^it could not be reached \([A-Z_]+\)$/);
    // A port that web clients refuse has no code.
    expect(await post('http://127.0.0.1:1/secret-path')).toBe('it could not be reached');
  });
});

describeOnEachDatabase('the webhook of a store', (store) => {
  let watched: WatchedStore;
  let receiver: Receiver;
  let modelId = '';
  let next = 0;
  let processes: WatchingProcess[] = [];
  beforeAll(async () => {
    watched = await openWatchedStore(store);
    return watched.log.close;
  });
  afterAll(async () => {
    for (const { watch } of processes) await watch.close();
  });
  beforeEach(async () => {
    receiver = await startReceiver();
    modelId = `w${next++}`;
    await watched.deploy(modelId, '1');
    return async () => {
      await watched.retire(modelId);
      for (const { watch } of processes) await watch.close();
      const last = await watched.start();
      for (let round = 0; round < 5; round++) await evaluate(last);
      await last.watch.close();
      processes = [];
      await receiver.close();
      await watched.database.deleteFrom('webhook_deliveries').execute();
      await watched.database.deleteFrom('webhook_targets').execute();
      watched.pass(hourMs);
    };
  });

  async function start(withWebhook = true): Promise<WatchingProcess> {
    const webhook = withWebhook ? { url: receiver.url, secret } : undefined;
    const started = await watched.start({ webhook });
    processes.push(started);
    return started;
  }
  async function evaluate({ watch }: WatchingProcess): Promise<void> {
    watched.pass(intervalMs);
    await watch.tick();
  }
  async function openAlert(process: WatchingProcess): Promise<void> {
    await process.watch.tick();
    await watched.serve(modelId, { failed: 40 });
    await evaluate(process);
  }
  async function resolveAlert(process: WatchingProcess): Promise<void> {
    watched.pass(11 * 60_000);
    for (let round = 0; round < 3; round++) {
      await watched.serve(modelId, { answered: 40 });
      await evaluate(process);
    }
  }
  const events = () =>
    receiver.received.map(({ body }) => alertMessageSchema.loose().parse(JSON.parse(body)).event);
  const health = () => readAlertHealth(watched.database, undefined);

  test('is told when an alert opens and when it is resolved, once each, whoever finds it', async () => {
    const [finder, sender, other] = [await start(false), await start(), await start()];
    // Who sends says so before: the finder does not know the address.
    await finder.watch.tick();
    await sender.watch.tick();
    await openAlert(finder);
    expect(receiver.received).toEqual([]);
    expect((await health()).detail).toBe('1 open (1 critical): list_alerts; 1 webhook messages wait');
    await Promise.all([sender.watch.tick(), other.watch.tick()]);
    expect(events()).toEqual(['opened']);
    await resolveAlert(finder);
    await Promise.all([sender.watch.tick(), other.watch.tick()]);
    expect(events()).toEqual(['opened', 'resolved']);
    const [first] = receiver.received;
    const timestamp = Number(first?.headers['x-modelyard-timestamp']);
    expect(first?.headers['x-modelyard-signature']).toBe(
      `sha256=${signatureOf(secret, timestamp, first?.body ?? '')}`,
    );
    expect(JSON.parse(first?.body ?? '')).toMatchObject({
      text: expect.stringMatching(`^\\[critical\\] ${modelId} 1: 100\\.0 % of 40 calls failed`),
      model_id: modelId,
      severity: 'critical',
    });
    expect((await health()).detail).toBe('none open');
  });

  test('that fails is tried again later and later, in order for each alert, also by a process that starts anew', async () => {
    const one = await start();
    receiver.answer({ status: 500 });
    await openAlert(one);
    expect(receiver.received).toHaveLength(1);
    await one.watch.tick();
    expect(receiver.received).toHaveLength(1);
    // 0.75 of 30 s, then of 60 s, by the chance of this test.
    watched.pass(22_499);
    await one.watch.tick();
    expect(receiver.received).toHaveLength(1);
    watched.pass(1);
    await one.watch.tick();
    expect(receiver.received).toHaveLength(2);
    await one.watch.close();
    const two = await start();
    await resolveAlert(two);
    // The resolution waits for the opening.
    expect(new Set(events())).toEqual(new Set(['opened']));
    receiver.answer({ status: 200 });
    watched.pass(hourMs);
    await two.watch.tick();
    await two.watch.tick();
    expect(events().at(-2)).toBe('opened');
    expect(events().at(-1)).toBe('resolved');
    const identifiers = receiver.received.map(({ headers }) => headers['x-modelyard-delivery']);
    // By its id a receiver can tell a message that it has already.
    expect(new Set(identifiers).size).toBe(2);
    expect(await watched.database.selectFrom('webhook_deliveries').selectAll().execute()).toEqual([]);
  });

  test('a message whose sender died on the way is sent again by another', async () => {
    const one = await start();
    receiver.answer('hang');
    await one.watch.tick();
    await watched.serve(modelId, { failed: 40 });
    watched.pass(intervalMs);
    const dying = one.watch.tick();
    await receiver.untilReceived(1);
    // While it is under way nobody else sends it.
    const two = await start();
    await two.watch.tick();
    expect(receiver.received).toHaveLength(1);
    receiver.answer({ status: 200 });
    watched.pass(30_000);
    await two.watch.tick();
    expect(receiver.received).toHaveLength(2);
    receiver.cutHanging();
    await dying;
    watched.pass(hourMs);
    await two.watch.tick();
    expect(receiver.received).toHaveLength(2);
  });

  test('is given up after a day, which health and the log say without its address', async () => {
    const one = await start();
    receiver.answer({ status: 404 });
    await openAlert(one);
    for (let hour = 0; hour < 26; hour++) {
      watched.pass(hourMs);
      await one.watch.tick();
    }
    expect(await health()).toEqual({
      status: 'degraded',
      detail:
        '1 open (1 critical): list_alerts; 1 webhook messages were given up in the last week (it answered 404)',
    });
    const before = receiver.received.length;
    expect(before).toBeGreaterThan(20);
    for (let hour = 0; hour < 3; hour++) {
      watched.pass(hourMs);
      await one.watch.tick();
    }
    expect(receiver.received).toHaveLength(before);
    const said = one.logged.filter(([, text]) => text.includes('webhook'));
    expect(said.at(-1)).toMatchObject([
      'error',
      expect.stringContaining('given up'),
      { failure: 'it answered 404' },
    ]);
    const everything = JSON.stringify([one.logged, await health(), await storedTexts()]);
    for (const hidden of ['very-secret-token', new URL(receiver.url).host, secret])
      expect(everything).not.toContain(hidden);
    // A week later it is forgotten.
    watched.pass(8 * 24 * hourMs);
    await evaluate(one);
    expect((await health()).detail).toBe('1 open (1 critical): list_alerts');
  });

  test('that nobody sends to any more is given up too', async () => {
    const one = await start();
    const finder = await start(false);
    await one.watch.tick();
    await one.watch.close();
    processes = [];
    await openAlert(finder);
    expect((await health()).detail).toContain('1 webhook messages wait');
    watched.pass(26 * hourMs);
    await evaluate(finder);
    expect((await health()).detail).toContain(
      '1 webhook messages were given up in the last week (no process with this webhook was running)',
    );
    await finder.watch.close();
  });

  async function storedTexts() {
    const { database } = watched;
    return [
      await database.selectFrom('webhook_deliveries').selectAll().execute(),
      await database.selectFrom('webhook_targets').selectAll().execute(),
      await database.selectFrom('alert_events').selectAll().execute(),
      await database.selectFrom('audit_entries').selectAll().execute(),
    ];
  }
});
