import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeModel } from '../../src/registry/describe.ts';
import { promoteVersion } from '../../src/registry/promote.ts';
import type { Promotion } from '../../src/registry/promotion_facts.ts';
import type { Deployer } from '../../src/registry/stage_change.ts';
import { describeTraffic } from '../../src/serving/describe_traffic.ts';
import { activateVersion } from '../../src/serving/stored_route.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { freely } from '../access/approvers.ts';
import { callBy } from '../access/origins.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { inProcesses } from '../storage/processes.ts';
import { artifactEvidence } from './evidence.ts';
import { deployRow, seeder } from './seed.ts';

const operator = callBy('operator');
const admin = callBy('admin');
const now = Date.UTC(2026, 1, 1);

describeOnEachDatabase('promoteVersion', (store) => {
  const { directory } = store.address;
  const artifacts = artifactStore(directory, 1e9);
  let database: Database;
  let seed: ReturnType<typeof seeder>;
  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, directory);
  });

  /** A deployer that records deployments as serving does, without an engine. */
  const deployer: Deployer = {
    async prepare({ modelId, version }) {
      await database.insertInto('deployments').values(deployRow(modelId, version)).execute();
    },
    activate: activateVersion,
  };

  const promote = (
    promotion: Pick<Promotion, 'modelId' | 'version' | 'targetStage'> & Partial<Promotion>,
    caller = operator,
    deploying = deployer,
  ) =>
    promoteVersion(
      { database, evidence: artifactEvidence(artifacts), deployer: deploying, clock: () => now },
      { dryRun: false, force: false, activate: false, ...promotion },
      caller,
      freely,
    );

  const stagesOf = async (modelId: string) => {
    const { versions } = await describeModel(database, modelId, { limit: 200 });
    return Object.fromEntries(versions.map(({ record }) => [record.version, record.stage]));
  };
  const historyOf = async (modelId: string) =>
    (await describeModel(database, modelId, { limit: 200 })).stageHistory;

  test('moves one version and writes who, when and why', async () => {
    await seed({ modelId: 'one', version: '1' });
    const outcome = await promote({
      modelId: 'one',
      version: '1',
      targetStage: 'staging',
      reason: 'good numbers',
    });
    expect(outcome).toMatchObject({
      fromStage: 'development',
      toStage: 'staging',
      applied: true,
      archived: [],
      gates: [{ name: 'artifact_intact', passed: true }],
      warnings: [],
      undo: 'Call promote_model with {"model_id":"one","version":"1","target_stage":"archived"}, then promote_model with {"model_id":"one","version":"1","target_stage":"development"}.',
    });
    expect(await historyOf('one')).toEqual([
      {
        transitionId: outcome.transitionId,
        version: '1',
        sequence: 1,
        kind: 'promotion',
        forced: false,
        fromStage: 'development',
        toStage: 'staging',
        at: now,
        by: 'operator',
        reason: 'good numbers',
      },
    ]);
  });

  test('archives the incumbent with the promotion to production, and says how to undo it', async () => {
    await seed({ modelId: 'two', version: '1' });
    await seed({ modelId: 'two', version: '2' });
    await promote({ modelId: 'two', version: '1', targetStage: 'production' });
    const outcome = await promote({ modelId: 'two', version: '2', targetStage: 'production' });
    expect(outcome.archived).toEqual(['1']);
    expect(outcome.warnings).toContain('It went to production without having been in staging.');
    expect(outcome.undo).toContain('rollback_model with {"model_id":"two","to_version":"1",');
    expect(await stagesOf('two')).toEqual({ 1: 'archived', 2: 'production' });
    const [last, before] = await historyOf('two');
    expect(last).toMatchObject({ version: '2', toStage: 'production' });
    expect(before).toMatchObject({
      version: '1',
      toStage: 'archived',
      reason: 'replaced in production by 2',
    });
  });

  test('leaves in the audit trail what was in production, whichever way a version goes', async () => {
    for (const version of ['1', '2']) await seed({ modelId: 'told', version });
    await promote({ modelId: 'told', version: '1', targetStage: 'production' });
    for (const targetStage of ['staging', 'archived', 'development'] as const)
      await promote({ modelId: 'told', version: '2', targetStage });
    await promote({ modelId: 'told', version: '1', targetStage: 'archived' });
    const entries = await database
      .selectFrom('audit_entries')
      .select('before')
      .where('model_id', '=', 'told')
      .where('before', 'is not', null)
      .orderBy('sequence')
      .execute();
    expect(entries.map(({ before }) => JSON.parse(before ?? '').production)).toEqual([
      null,
      '1',
      '1',
      '1',
      '1',
    ]);
  });

  test('archives nobody when the move to production fails', async () => {
    await seed({ modelId: 'whole', version: '1' });
    await seed({ modelId: 'whole', version: '2' });
    await promote({ modelId: 'whole', version: '1', targetStage: 'production' });
    // activate of a version that prepare did not deploy breaks the last write of the transaction.
    const idle = { ...deployer, prepare: async () => undefined };
    await expect(
      promote({ modelId: 'whole', version: '2', targetStage: 'production', activate: true }, operator, idle),
    ).rejects.toThrow();
    expect(await stagesOf('whole')).toEqual({ 1: 'production', 2: 'development' });
    expect(await historyOf('whole')).toHaveLength(1);
  });

  test('says in a dry run what would happen, and changes nothing', async () => {
    await seed({ modelId: 'dry', version: '1' });
    await seed({ modelId: 'dry', version: '2' });
    await promote({ modelId: 'dry', version: '1', targetStage: 'production' });
    const before = [await stagesOf('dry'), await historyOf('dry')];
    const dry = { modelId: 'dry', version: '2', targetStage: 'production', dryRun: true } as const;
    expect(await promote({ ...dry, activate: true })).toMatchObject({
      applied: false,
      archived: [],
      preview: {
        wouldApply: true,
        wouldArchive: ['1'],
        sentence:
          'Would be done: dry 2 would go from development to production; 1 would be archived; all traffic would go to 2, once it were loaded.',
      },
      undo: 'Afterwards rollback_model with {"model_id":"dry","to_version":"1","reason":"taken back"} would take production and the traffic back; 2 would then be archived.',
      warnings: ['It would go to production without having been in staging.'],
      transitionId: null,
      gates: [{ passed: true }],
    });
    expect([await stagesOf('dry'), await historyOf('dry')]).toEqual(before);
    expect(await describeTraffic(database, 'dry')).toMatchObject({ route: undefined, deployedVersions: [] });
  });

  test('with activate moves the traffic in the same step', async () => {
    await seed({ modelId: 'active', version: '1' });
    await promote({ modelId: 'active', version: '1', targetStage: 'production', activate: true });
    expect(await describeTraffic(database, 'active')).toMatchObject({
      route: { activeVersion: '1', weights: [['1', 1]] },
      deployedVersions: ['1'],
    });
    await seed({ modelId: 'active', version: '2' });
    const { warnings } = await promote({ modelId: 'active', version: '2', targetStage: 'production' });
    expect(warnings.join(' ')).toContain('Traffic still goes to 1, which is archived now');
  });

  test('cannot activate what it archives', async () => {
    await seed({ modelId: 'contrary', version: '1' });
    await expect(
      promote({ modelId: 'contrary', version: '1', targetStage: 'archived', activate: true }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('warns when what is archived still carries the traffic', async () => {
    await seed({ modelId: 'carrier', version: '1' });
    await promote({ modelId: 'carrier', version: '1', targetStage: 'production', activate: true });
    const { warnings } = await promote({ modelId: 'carrier', version: '1', targetStage: 'archived' });
    expect(warnings).toEqual(['1 still carries the traffic of carrier.']);
  });

  describe('of a damaged artifact', () => {
    const promotion = { modelId: 'damaged', version: '1', targetStage: 'staging' } as const;
    beforeAll(async () => {
      const { artifact } = await seed(promotion);
      writeFileSync(artifacts.pathOf(artifact.sha256), 'evil');
    });

    test('fails at its gate, which a dry run reports', async () => {
      const failure = { name: 'artifact_intact', passed: false };
      expect(await promote({ ...promotion, dryRun: true })).toMatchObject({
        gates: [failure],
        preview: { wouldApply: false, sentence: expect.stringMatching(/^Would be refused: gate /) },
      });
      await expect(promote(promotion)).rejects.toMatchObject({
        code: 'GATE_FAILED',
        message: expect.stringContaining('artifact_intact'),
      });
      expect(await stagesOf('damaged')).toEqual({ 1: 'development' });
    });

    test('can be forced by an admin alone', async () => {
      await expect(promote({ ...promotion, force: true })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      });
      expect(await promote({ ...promotion, force: true }, admin)).toMatchObject({
        applied: true,
        gates: [{ passed: false }],
      });
    });
  });

  test('refuses an illegal transition and an unknown version', async () => {
    await seed({ modelId: 'illegal', version: '1' });
    await expect(
      promote({ modelId: 'illegal', version: '1', targetStage: 'development' }),
    ).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
    await expect(promote({ modelId: 'illegal', version: '2', targetStage: 'staging' })).rejects.toMatchObject(
      {
        code: 'VERSION_NOT_FOUND',
      },
    );
  });

  test('by several servers at once leaves one production version and a history without gaps', async () => {
    const versions = Array.from({ length: 20 }, (_, index) => `v${index}`);
    for (const version of versions) await seed({ modelId: 'busy', version });
    // Every version is promoted by two of four processes: one of the two finds it done, or archived since.
    const shares = [0, 1, 2, 3].map((share) => versions.filter((_, index) => index % 2 === share % 2));
    const outcomes = await inProcesses(
      store,
      shares.map((share) => ({ name: 'promote', modelId: 'busy', versions: share })),
    );
    expect(outcomes.flat().filter((outcome) => outcome === 'applied')).toHaveLength(versions.length);
    expect(outcomes.flat().filter((outcome) => outcome === 'ILLEGAL_TRANSITION')).toHaveLength(
      versions.length,
    );

    const stages = Object.values(await stagesOf('busy'));
    expect(stages.filter((stage) => stage === 'production')).toHaveLength(1);
    expect(stages.filter((stage) => stage === 'archived')).toHaveLength(versions.length - 1);
    // Replayed in order, each promotion follows the archiving of the one before.
    const rows = await database
      .selectFrom('stage_transitions')
      .selectAll()
      .where('model_id', '=', 'busy')
      .execute();
    expect(rows).toHaveLength(2 * versions.length - 1);
    for (const version of versions) {
      const own = rows.filter((row) => row.version === version);
      expect(own.filter((row) => row.from_stage === 'development')).toHaveLength(1);
      const isProduction = (await stagesOf('busy'))[version] === 'production';
      expect(own.filter((row) => row.to_stage === 'archived')).toHaveLength(isProduction ? 0 : 1);
    }
  });

  test('on one server, called twenty times at once, promotes each in turn', async () => {
    const versions = Array.from({ length: 20 }, (_, index) => `v${index}`);
    for (const version of versions) await seed({ modelId: 'pipelined', version });
    const outcomes = await Promise.allSettled(
      versions.map((version) => promote({ modelId: 'pipelined', version, targetStage: 'production' })),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    const archived = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value.archived : [],
    );
    // Everyone was replaced exactly once, except the last.
    expect(new Set(archived).size).toBe(versions.length - 1);
    expect(archived).toHaveLength(versions.length - 1);
  });
});
