import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openConnection } from '../../src/mlflow/connection.ts';
import { readOutbox, requestSync } from '../../src/mlflow/outbox.ts';
import { type Sender, type SenderOptions, startSender } from '../../src/mlflow/sender.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';
import { silent } from './silent.ts';

describeOnEachDatabase('a sender whose MLflow does not take what it gets', (store) => {
  const directory = temporaryDirectory();
  let database: Database;
  let sender: Sender;
  let now = Date.UTC(2026, 0, 31);
  /** What MLflow says to a model of that name; undefined: it hangs up. */
  let say: (model: string) => { status: number; code: string } | undefined = () => undefined;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '', 'http://x').searchParams.get('name') ?? '';
    asked.push(name);
    const said = say(name);
    if (said === undefined) {
      request.destroy();
      return;
    }
    response.writeHead(said.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error_code: said.code, message: 'so it says' }));
  });
  const refuse = () => ({ status: 400, code: 'INVALID_PARAMETER_VALUE' });

  beforeAll(async () => {
    ({ database } = await store.open());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connection = openConnection({
      trackingUri: `http://127.0.0.1:${port}`,
      insecureTls: false,
      timeoutMs: 5000,
    });
    const options: SenderOptions = {
      database,
      artifacts: artifactStore(directory, 1e6),
      connection,
      logger: silent,
      // Time passes when the test says so.
      clock: () => now,
      random: () => 1,
      experimentName: 'x',
      registry: true,
      useStages: false,
      timeoutMs: 5000,
      tracking: undefined,
    };
    sender = startSender(options);
    await sender.round();
  });
  afterAll(async () => {
    await sender.close();
    server.closeAllConnections();
    server.close();
  });

  test('waits, longer and longer, and nothing is lost', async () => {
    const seed = seeder(database, directory);
    await seed({ modelId: 'first', version: '1' });
    await seed({ modelId: 'second', version: '1' });
    for (const pause of [500, 1000, 2000, 4000]) {
      await sender.round();
      const calls = asked.length;
      now += pause - 1;
      await sender.round();
      expect(asked).toHaveLength(calls);
      now += 1;
    }
    expect(new Set(asked)).toEqual(new Set(['first']));
    expect(await readOutbox(database)).toMatchObject({
      queued: 2,
      waiting: 2,
      dead: 0,
      attempts: 4,
      lastError: expect.stringContaining('did not answer'),
    });
  });

  test('lets others go first when one model makes MLflow stumble', async () => {
    say = (model) =>
      model === 'first'
        ? { status: 500, code: 'INTERNAL_ERROR' }
        : { status: 400, code: 'INVALID_PARAMETER_VALUE' };
    asked.length = 0;
    now += 60_000;
    await sender.round();
    now += 60_000;
    await sender.round();
    expect(asked.slice(0, 2)).toEqual(['first', 'second']);
  });

  test('has a dead letter after five refusals, which the next change or a person wakes', async () => {
    say = refuse;
    for (let round = 0; round < 8; round++) {
      now += 200_000;
      await sender.round();
    }
    expect(await readOutbox(database)).toMatchObject({
      queued: 2,
      waiting: 0,
      dead: 2,
      failed: [
        { what: 'first', why: expect.stringContaining('so it says') },
        { what: 'second', why: expect.stringContaining('so it says') },
      ],
    });
    asked.length = 0;
    now += 1_000_000;
    await sender.round();
    expect(asked).toEqual([]);

    await seeder(database, directory)({ modelId: 'first', version: '2' });
    await sender.round();
    expect(asked).toEqual(['first']);
    await requestSync(database, 'second');
    await sender.round();
    expect(asked).toEqual(['first', 'second']);
  });
});
