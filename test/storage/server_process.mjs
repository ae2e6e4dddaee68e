/**
 * A server process in small: opens the database with the built code, waits until its input ends so that
 * several can begin together, does one task and prints its result as JSON.
 */
import { text } from 'node:stream/consumers';
import { createApprovals } from '../../dist/src/access/approvals.js';
import { changeModel } from '../../dist/src/access/change_model.js';
import { originOf } from '../../dist/src/access/origin.js';
import { openJournal } from '../../dist/src/monitoring/log/journal.js';
import { mergeSegments } from '../../dist/src/monitoring/log/merge_segments.js';
import { moveJournals } from '../../dist/src/monitoring/log/move_journals.js';
import { takeOverRows } from '../../dist/src/monitoring/log/take_over.js';
import { promoteVersion } from '../../dist/src/registry/promote.js';
import { artifactStore } from '../../dist/src/storage/artifact_store.js';
import { openDatabase } from '../../dist/src/storage/database.js';

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
      deployer: { prepare: async () => undefined, routeChanged: () => undefined },
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
          { obtain: async () => ({ by: null, use: async () => undefined }) },
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

  async 'take over'({ database }) {
    await takeOverRows(database);
    return (await database.selectFrom('predictions').select('prediction_id').execute()).length;
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
