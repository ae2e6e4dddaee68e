import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/storage/database.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { handshake, startRaw, toolCall } from '../e2e/raw_server.ts';
import { stores, type TestStore } from '../e2e/stores.ts';
import { type Random, seededRandom } from './random.ts';
import { expectWhole } from './registry_state.ts';

/** How many servers are killed on each store; CI does more. */
const kills = Number(process.env.KILL_ROUNDS ?? 5);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

const settings = { MODELYARD_ENGINE_THREADS: '1' };
const versions = ['1', '2', '3'] as const;
const calls = 12;

const applied = z.object({ transition_id: z.string(), applied: z.literal(true) });

/** Promotions that move the traffic, and rollbacks, at random; what is not possible at the moment is refused. */
function drawCall(random: Random, id: number): object {
  const version = random.pick([...versions]);
  if (random.chance(0.5)) return toolCall(id, 'rollback_model', { model_id: 'm', reason: 'chaos' });
  if (random.chance(0.4))
    return toolCall(id, 'promote_model', { model_id: 'm', version, target_stage: 'development' });
  return toolCall(id, 'promote_model', {
    model_id: 'm',
    version,
    target_stage: 'production',
    activate: true,
  });
}

describe.each(stores)('kill -9 in the middle of promotions and rollbacks $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const server = startRaw({
      directory: scratch.path,
      settings: { ...settings, ...store.settings },
      input: [
        ...handshake,
        ...versions.map((version, index) =>
          toolCall(index + 1, 'deploy_model', {
            model_id: 'm',
            version,
            source: testModel('linear_float32'),
          }),
        ),
        ...versions.map((version, index) =>
          toolCall(index + 11, 'promote_model', {
            model_id: 'm',
            version,
            target_stage: 'production',
            activate: true,
          }),
        ),
      ],
    });
    const { replies } = await server.ended;
    expect(replies.filter(({ result }) => result?.isError)).toEqual([]);
  });
  afterAll(async () => {
    if (skipped) return;
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)(
    'leaves the registry before or after each of them, never between',
    async () => {
      onTestFailed(() => {
        process.stderr.write(`Again with the same calls: CHAOS_SEED=${seed}\n`);
      });
      const random = seededRandom(seed);
      const { database, close } = await openDatabase({
        directory: `${scratch.path}/registry`,
        databaseUrl: store.databaseUrl,
      });
      let answered = 0;
      try {
        for (let round = 0; round < kills; round++) {
          const server = startRaw({ directory: scratch.path, settings: { ...settings, ...store.settings } });
          server.send(...handshake);
          await server.answer(0);
          server.send(...Array.from({ length: calls }, (_, index) => drawCall(random, index + 1)));
          // After so many answers it is in the middle of the next call; how far, the turns of this process decide.
          await server.answer(random.integer(1, calls - 1));
          for (let turns = random.integer(0, 200); turns > 0; turns--)
            await new Promise((resolve) => setImmediate(resolve));
          process.kill(server.pid, 'SIGKILL');
          const { replies } = await server.ended;
          const made = replies.flatMap(
            ({ result }) => applied.safeParse(result?.structuredContent).data ?? [],
          );
          answered += made.length;
          await expectWhole(database, { traffic: true });
          const kept = await database
            .selectFrom('stage_transitions')
            .select('transition_id')
            .where(
              'transition_id',
              'in',
              // PostgreSQL takes no empty list; nothing has the empty id.
              ['', ...made.map(({ transition_id }) => transition_id)],
            )
            .execute();
          expect(kept).toHaveLength(made.length);
        }
      } finally {
        await close();
      }
      expect(answered).toBeGreaterThan(kills / 2);
    },
    kills * 20_000,
  );
});
