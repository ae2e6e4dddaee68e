import { z } from 'zod';
import type { Database } from '../storage/database.ts';
import type { MlflowComparisonRow } from '../storage/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type ComparedVersions, comparisonMetrics } from './monitoring_metrics.ts';
import { inRounds, type Rounds } from './rounds.ts';
import { keepMeasurement } from './track_metrics.ts';
import { outcomesOf } from './track_outcomes.ts';

const abTest = z.object({
  modelId: z.string(),
  versions: z.array(z.object({ version: z.string(), weight: z.number() })),
  sticky: z.boolean(),
  setAt: z.number(),
  baseline: z.string(),
});
/** Versions that share the calls of a model by weights; `setAt`: milliseconds since 1970. */
type AbTest = z.infer<typeof abTest>;

export interface AbTests {
  /** Every model that has a route, when that was set, and the A/B test that it is. */
  list(): Promise<{ modelId: string; setAt: number; test: AbTest | undefined }[]>;
  /** How its versions compare by all calls before `until`; undefined when one of them is there no more. */
  compare(test: AbTest, until: number): Promise<ComparedVersions | undefined>;
}

export interface ComparisonDependencies {
  database: Database;
  abTests: AbTests;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** Between two looks at a test, milliseconds, at least. */
  intervalMs: number;
  logger: Logger;
}

/** So much of a test's age lies between two looks, so that one of months has a few hundred of them. */
const restOfAge = 50;
/** So many times as long as a look took is the rest after it. */
const restFactor = 10;
/** Longer than comparing takes: when the process that does it was killed, another has its turn. */
const claimMs = 300_000;

/** What is to be looked at: the test of a model as it was known, and as it is. */
interface Part {
  model_id: string;
  known: MlflowComparisonRow | undefined;
  /** When the route was set; undefined when the model has none. */
  setAt: number | undefined;
  test: AbTest | undefined;
}

/**
 * Looks at the running A/B tests when there are new outcomes, and once more at one whose weights were changed; each look is
 * one process's of the store, and is kept to be logged in the transaction that says it was made.
 */
export function trackComparisons(dependencies: ComparisonDependencies): Rounds {
  const { database, abTests, logger } = dependencies;
  const list = async (): Promise<Part[]> => {
    const known = await database.selectFrom('mlflow_comparisons').selectAll().execute();
    const routes = await abTests.list();
    const models = new Set([
      ...known.map(({ model_id }) => model_id),
      ...routes.map(({ modelId }) => modelId),
    ]);
    return Array.from(models, (model_id) => {
      const route = routes.find(({ modelId }) => modelId === model_id);
      const row = known.find((one) => one.model_id === model_id);
      return { model_id, known: row, setAt: route?.setAt, test: route?.test };
    });
  };
  return inRounds(list, (part) => lookAt(dependencies, part), logger, 'an A/B test could not be compared');
}

async function lookAt(dependencies: ComparisonDependencies, part: Part): Promise<void> {
  const { database, clock } = dependencies;
  const { known, test } = part;
  if (known === undefined) {
    if (test === undefined) return;
    await database
      .insertInto('mlflow_comparisons')
      .values({ model_id: part.model_id, ...asNew(test), claimed_until: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return;
  }
  const now = clock();
  if (known.claimed_until > now) return;
  if (known.set_at !== test?.setAt) {
    await look(dependencies, known, { until: part.setAt ?? now, next: test });
    return;
  }
  if (known.next_at > now) return;
  const seen = await outcomesOf(
    database,
    part.model_id,
    test.versions.map(({ version }) => version),
    test.setAt,
  );
  if (seen !== undefined && seen !== known.seen) await look(dependencies, known, { until: now, seen });
}

function asNew(test: AbTest) {
  return { set_at: test.setAt, test: JSON.stringify(test), seen: null, next_at: 0 };
}

/**
 * Compares, and keeps what was found.
 * @param then `seen`: the outcomes that it is of; otherwise it is the test's last look, and `next` takes its place
 */
async function look(
  { database, abTests, clock, intervalMs }: ComparisonDependencies,
  known: MlflowComparisonRow,
  { until, ...then }: { until: number } & ({ seen: string } | { next: AbTest | undefined }),
): Promise<void> {
  const began = clock();
  const claim = began + claimMs;
  const { numUpdatedRows: claimed } = await database
    .updateTable('mlflow_comparisons')
    .set({ claimed_until: claim })
    .where('model_id', '=', known.model_id)
    .where('set_at', '=', known.set_at)
    .where('claimed_until', '=', known.claimed_until)
    .executeTakeFirst();
  // Another process is at it.
  if (claimed === 0n) return;
  const compared = await abTests.compare(abTest.parse(JSON.parse(known.test)), until);
  const ended = clock();
  const rest = Math.max(intervalMs, restFactor * (ended - began), (ended - known.set_at) / restOfAge);
  await database.transaction().execute(async (transaction) => {
    const own = transaction
      .updateTable('mlflow_comparisons')
      .where('model_id', '=', known.model_id)
      .where('claimed_until', '=', claim);
    const changed =
      'seen' in then
        ? { seen: then.seen, next_at: Math.ceil(ended + rest) }
        : then.next === undefined
          ? {}
          : asNew(then.next);
    const { numUpdatedRows: held } = await own.set({ ...changed, claimed_until: 0 }).executeTakeFirst();
    // It took longer than the claim, and another process has made this look.
    if (held === 0n) return;
    if (!('seen' in then) && then.next === undefined)
      await transaction.deleteFrom('mlflow_comparisons').where('model_id', '=', known.model_id).execute();
    if (compared === undefined || compared.arms.every(({ calls }) => calls === 0)) return;
    for (const [version, metrics] of comparisonMetrics(compared))
      await keepMeasurement(transaction, { modelId: known.model_id, version, at: until, metrics });
  });
}
