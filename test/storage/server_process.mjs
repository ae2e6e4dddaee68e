/**
 * A server process in small: opens the database with the built code, waits until its input ends so that
 * several can begin together, does one task and prints its result as JSON.
 */
import { text } from 'node:stream/consumers';
import { createApprovals } from '../../src/access/approvals.ts';
import { changeModel } from '../../src/access/change_model.ts';
import { originOf } from '../../src/access/origin.ts';
import { openJournal } from '../../src/prediction_log/journal.ts';
import { mergeSegments } from '../../src/prediction_log/merge_segments.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import { promoteVersion } from '../../src/registry/promote.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { openDatabase } from '../../src/storage/database.ts';

const { address, task } = JSON.parse(process.argv[2]);

const tasks = {
  async open({ database }) {
    const { rows } = await database
      .selectFrom('models')
      .select('model_id')
      .execute()
      .then((rows) => ({ rows }));
    return rows.length;
  },

  /** Obtains the approval of a change and makes it; gives the refusal's message, else 'made'. */
  async obtain({ database }) {
    const { plan, origin, now } = task;
    const dependencies = { database, clock: () => now, mode: 'required', lastsMs: 3_600_000 };
    const make = async () => {
      const approval = await createApprovals(dependencies)
        .approverOf({ origin, ask: undefined })
        .obtain(plan);
      await changeModel(dependencies, origin, { modelId: plan.modelId }, async (transaction, at) => {
        await approval.use(transaction, at);
        return { result: undefined, before: {}, after: {} };
      });
    };
    return make().then(
      () => 'made',
      (error) => (error.code === 'APPROVAL_REQUIRED' ? error.message : String(error)),
    );
  },

  /** Promotes each of the versions to production; what was refused is given by its code. */
  async promote({ database }) {
    const dependencies = {
      database,
      evidence: {
        verifyArtifact: (record) => artifactStore(address.directory, 1e9).verify(record.artifact),
      },
      deployer: { prepare: async () => undefined },
      clock: Date.now,
    };
    const outcomes = [];
    for (const version of task.versions) {
      const promotion = { modelId: task.modelId, version, targetStage: 'production' };
      outcomes.push(
        await promoteVersion(
          dependencies,
          { ...promotion, dryRun: false, force: false, activate: false },
          originOf({ role: 'operator', readOnly: false }, 'promote_model', {}),
          { needs: () => 'nobody', obtain: async () => ({ by: null, use: async () => undefined }) },
        ).then(
          () => 'applied',
          (error) => error.code,
        ),
      );
    }
    return outcomes;
  },

  async merge({ database }) {
    return mergeSegments(database, { now: () => task.now, maxWeight: Number.POSITIVE_INFINITY });
  },

  /** Moves the journals of a directory over and over until a round finds nothing. */
  async move({ database }) {
    const journal = openJournal(task.directory);
    const count = () =>
      database
        .selectFrom('serving_totals')
        .select('calls')
        .where('model_id', '=', task.modelId)
        .executeTakeFirst();
    while (((await count())?.calls ?? 0) < task.calls) await moveJournals(database, task.directory, journal);
    return (await count())?.calls;
  },
};

process.stdout.write('ready\n');
await text(process.stdin);
const opened = await openDatabase(address);
process.stdout.write(JSON.stringify(await tasks[task.name](opened)));
await opened.close();
