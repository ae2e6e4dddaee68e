import { beforeAll, expect, test } from 'vitest';
import { type Breakers, createBreakers } from '../../src/serving/breakers.ts';
import { circuitOpen } from '../../src/serving/circuit_open.ts';
import { type ServedVersion, servedModels } from '../../src/serving/served_models.ts';
import type { Database } from '../../src/storage/database.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { callBy } from '../access/origins.ts';
import { until } from '../e2e/until.ts';
import { deployRow, seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};
const failed = { failed: true, latencyMs: 1 };
const answered = { failed: false, latencyMs: 1 };

/** One server process: its own windows, its own handle on the database that all share. */
interface Process {
  breakers: Breakers;
  database: Database;
  /** The version as this process would read it now. */
  read(): Promise<ServedVersion>;
}

describeOnEachDatabase('circuit breakers', (store) => {
  let now = Date.UTC(2026, 0, 1);
  let one: Process;
  let two: Process;
  let next = 0;
  let modelId = '';
  let seed: ReturnType<typeof seeder>;

  async function open(): Promise<Process> {
    const { database } = await store.open();
    return {
      database,
      breakers: createBreakers({ database, clock: () => now, logger: silent }),
      async read() {
        const version = (await servedModels(database, 1000).read(modelId)).versions.get('1');
        if (version === undefined) throw new Error('not deployed');
        return version;
      },
    };
  }

  beforeAll(async () => {
    one = await open();
    two = await open();
    seed = seeder(one.database, store.address.directory);
  });

  /** A deployed version that has never been called. */
  async function fresh(): Promise<[ServedVersion, ServedVersion]> {
    modelId = `m${next++}`;
    await seed({ modelId, version: '1' });
    await one.database.insertInto('deployments').values(deployRow(modelId, '1')).execute();
    return Promise.all([one.read(), two.read()]);
  }

  function call({ breakers }: Process, version: ServedVersion, ...outcomes: (typeof failed)[]): void {
    for (const outcome of outcomes) breakers.end(version, breakers.begin(version), outcome);
  }
  const times = (count: number, outcome: typeof failed) => Array.from({ length: count }, () => outcome);
  const row = () =>
    two.database.selectFrom('breakers').selectAll().where('model_id', '=', modelId).executeTakeFirst();
  const untilRow = (what: string, test: (row: { reopens_at: number | null; trips: number }) => boolean) =>
    until(what, async () => {
      const found = await row();
      return found !== undefined && test(found) && found;
    });
  const untilOpen = () => untilRow('the open breaker', ({ reopens_at }) => reopens_at !== null);
  const untilClosed = () => untilRow('the closed breaker', ({ reopens_at }) => reopens_at === null);

  /** Opens it by 20 failures in the first process, and lets the time pass until it is half-open. */
  async function halfOpen(): Promise<[ServedVersion, ServedVersion]> {
    const [version] = await fresh();
    call(one, version, ...times(20, failed));
    await untilOpen();
    now += 30_000;
    return Promise.all([one.read(), two.read()]);
  }

  test('one process opens it, all refuse: for 30 s, counted once, with its reason', async () => {
    const [here, there] = await fresh();
    call(one, here, ...times(19, failed));
    expect([one.breakers.allows(here), await row()]).toEqual([true, undefined]);
    call(one, here, failed);
    expect(one.breakers.allows(here)).toBe(false);
    expect(await untilOpen()).toMatchObject({
      reopens_at: now + 30_000,
      open_ms: 30_000,
      trips: 1,
      last_tripped_at: now,
      last_reason: '20 of 20 calls failed',
    });
    // The other process has only its knowledge of a moment ago, and then it knows.
    expect(two.breakers.allows(there)).toBe(true);
    expect(two.breakers.allows(await two.read())).toBe(false);
    now += 29_999;
    expect(two.breakers.allows(await two.read())).toBe(false);
    now += 1;
    expect(two.breakers.allows(await two.read())).toBe(true);
  });

  test('failures of different processes are not added up', async () => {
    const [here, there] = await fresh();
    call(one, here, ...times(19, failed));
    call(two, there, ...times(19, failed));
    expect([one.breakers.allows(here), two.breakers.allows(there)]).toEqual([true, true]);
  });

  test('slowness opens it too; what is not counted does not', async () => {
    const [here, there] = await fresh();
    for (let index = 0; index < 100; index++)
      two.breakers.end(there, two.breakers.begin(there), 'not_counted');
    expect(two.breakers.allows(there)).toBe(true);
    call(one, here, ...times(20, { failed: false, latencyMs: 1000 }));
    expect(one.breakers.allows(here)).toBe(false);
    expect(await untilOpen()).toMatchObject({ last_reason: '20 of 20 calls took 1000 ms or more' });
  });

  test('of two that open it at once, one trip is counted', async () => {
    const [here, there] = await fresh();
    call(one, here, ...times(20, failed));
    call(two, there, ...times(20, failed));
    expect([one.breakers.allows(here), two.breakers.allows(there)]).toEqual([false, false]);
    await untilOpen();
    // By now both have asked for their write.
    await Promise.all([one.read(), two.read()]);
    expect(await row()).toMatchObject({ trips: 1, open_ms: 30_000 });
  });

  test('half-open: five trials, and it closes when all succeed', async () => {
    const [here] = await halfOpen();
    const tickets = Array.from({ length: 5 }, () => {
      expect(one.breakers.allows(here)).toBe(true);
      return one.breakers.begin(here);
    });
    expect(one.breakers.allows(here)).toBe(false);
    // What refuses a call meanwhile names no time that is past.
    expect(circuitOpen(modelId, [here], now)).toMatchObject({
      message: expect.stringContaining('as soon as the trial calls that are under way have succeeded'),
      hint: expect.stringMatching(/^Call again in a few seconds/),
    });
    expect(circuitOpen(modelId, [here], (here.breaker?.reopensAt ?? 0) - 1)).toMatchObject({
      message: expect.stringContaining(`at ${new Date(here.breaker?.reopensAt ?? 0).toISOString()}.`),
    });
    // A trial whose call was the caller's fault is given back.
    const [first, ...rest] = tickets;
    if (first !== undefined) one.breakers.end(here, first, 'not_counted');
    expect(one.breakers.allows(here)).toBe(true);
    for (const ticket of [...rest, one.breakers.begin(here)]) one.breakers.end(here, ticket, answered);
    await untilClosed();
    expect(one.breakers.allows(await one.read())).toBe(true);
    expect(two.breakers.allows(await two.read())).toBe(true);
    // Closed, it takes 20 calls again to open it, for 30 s and not for twice that.
    const again = await one.read();
    call(one, again, ...times(20, failed));
    expect(await untilOpen()).toMatchObject({ trips: 2, open_ms: 30_000 });
  });

  test('half-open: one failed or slow trial opens it for twice as long', async () => {
    const [here] = await halfOpen();
    call(one, here, answered, failed);
    expect(one.breakers.allows(here)).toBe(false);
    const again = await untilRow('the second trip', ({ trips }) => trips === 2);
    expect(again).toMatchObject({ reopens_at: now + 60_000, open_ms: 60_000 });
    now += 60_000;
    const later = await two.read();
    call(two, later, { failed: false, latencyMs: 5000 });
    const third = await untilRow('the third trip', ({ trips }) => trips === 3);
    expect(third).toMatchObject({ open_ms: 120_000, last_reason: 'a trial call failed' });
  });

  test('half-open: a trial that fails in one process is not undone by those that succeed in another', async () => {
    const [here, there] = await halfOpen();
    const tickets = Array.from({ length: 5 }, () => one.breakers.begin(here));
    call(two, there, failed);
    await untilRow('the second trip', ({ trips }) => trips === 2);
    for (const ticket of tickets) one.breakers.end(here, ticket, answered);
    // By now the close has been asked for.
    await one.read();
    expect((await row())?.reopens_at).toBe(now + 60_000);
  });

  test('a call that began before it opened decides nothing about the trials', async () => {
    const [version] = await fresh();
    const early = one.breakers.begin(version);
    call(one, version, ...times(20, failed));
    await untilOpen();
    now += 30_000;
    const later = await one.read();
    one.breakers.end(later, early, failed);
    expect(one.breakers.allows(later)).toBe(true);
    expect((await row())?.trips).toBe(1);
  });

  test('what was read before it opened does not close it again in the process that opened it', async () => {
    const [here] = await fresh();
    const readBefore = await one.read();
    call(one, here, ...times(20, failed));
    expect(one.breakers.allows(readBefore)).toBe(false);
    expect(readBefore.breaker).toEqual(here.breaker);
    await untilOpen();
    expect(one.breakers.allows(await one.read())).toBe(false);
  });

  test('a reset closes it for all, and keeps the count', async () => {
    const [here] = await fresh();
    expect(await one.breakers.reset(modelId, '1', callBy('operator'))).toEqual({ wasOpen: false, trips: 0 });
    call(one, here, ...times(20, failed));
    await untilOpen();
    expect(await two.breakers.reset(modelId, '1', callBy('operator'))).toEqual({ wasOpen: true, trips: 1 });
    expect(one.breakers.allows(await one.read())).toBe(true);
    expect(two.breakers.allows(await two.read())).toBe(true);
    expect(await two.breakers.reset(modelId, '1', callBy('operator'))).toEqual({ wasOpen: false, trips: 1 });
    // The window begins anew: 19 failures do not open it.
    const closed = await one.read();
    call(one, closed, ...times(19, failed));
    expect(one.breakers.allows(closed)).toBe(true);
  });
});
