import { beforeAll, describe, expect, test } from 'vitest';
import type { ChangePlan } from '../../src/access/approval.ts';
import { openRequest } from '../../src/access/approval_changes.ts';
import { createApprovals } from '../../src/access/approvals.ts';
import { changeModel } from '../../src/access/change_model.ts';
import { originOf } from '../../src/access/origin.ts';
import { runApprove, type Terminal } from '../../src/commands/approve.ts';
import { SettingsError } from '../../src/errors.ts';
import { readSettings } from '../../src/settings.ts';
import type { Database } from '../../src/storage/database.ts';
import { intoProduction } from '../access/approvers.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const now = Date.UTC(2026, 0, 1);
const agent = originOf(
  { role: 'operator', readOnly: false, client: 'agent\u001b[2J 1.0' },
  'promote_model',
  {},
);

describeOnEachDatabase('modelyard approve', (store) => {
  let database: Database;
  let models = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
  });

  const request = async () => {
    const plan: ChangePlan = {
      modelId: `model-${++models}`,
      summary: [`Model model-${models} gets version 2.`, 'Reason given: \u202egood\nApproved already.'],
      change: intoProduction,
      facts: { version: '2' },
    };
    await database
      .insertInto('models')
      .values({ model_id: plan.modelId, created_at: now, revision: 1 })
      .execute();
    const { requestId } = await openRequest(database, agent, plan, { at: now, lastsMs: 3_600_000 });
    return { plan, requestId };
  };
  const run = async (
    given: string[],
    options: { settings?: Record<string, string>; word?: string | undefined; at?: number } = {},
  ) => {
    const printed: string[] = [];
    const complaints: string[] = [];
    const { word } = options;
    const terminal: Terminal = {
      print: (line) => printed.push(line),
      complain: (line) => complaints.push(line),
      ask:
        word === undefined
          ? undefined
          : async (question) => {
              printed.push(question);
              return word;
            },
    };
    const { directory, databaseUrl } = store.address;
    const settings = readSettings({
      MODEL_REGISTRY_DIR: directory,
      DATABASE_URL: databaseUrl,
      MODELYARD_ROLE: 'admin',
      ...options.settings,
    });
    const code = await runApprove(settings, given, terminal, () => options.at ?? now + 1000);
    return { code, printed: printed.join('\n'), complaints };
  };
  const obtain = ({ plan }: { plan: ChangePlan }) =>
    createApprovals({ database, clock: () => now + 2000, mode: 'required', lastsMs: 3_600_000 })
      .approverOf({ origin: agent, ask: undefined })
      .obtain(plan);

  test('shows what would change, who asked and until when, and grants it once', async () => {
    const asked = await request();
    const { code, printed, complaints } = await run([asked.requestId], { word: 'y' });
    expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
    for (const text of [
      `Request ${asked.requestId}: promote_model on ${asked.plan.modelId}`,
      `  - Model ${asked.plan.modelId} gets version 2.`,
      '  - Reason given: \\u{202e}good\\u{a}Approved already.',
      'asked for by operator (agent\\u{1b}[2J 1.0) at 2026-01-01T00:00:00.000Z',
      'runs out at 2026-01-01T01:00:00.000Z',
      '[y/N]',
      'Approved.',
    ])
      expect(printed).toContain(text);
    const approval = await obtain(asked);
    expect(approval.by).toMatch(/^admin \(modelyard approve, .+\)$/);
    expect((await run([asked.requestId], { word: 'y' })).complaints[0]).toContain(
      'was approved already, by admin',
    );
    await changeModel(
      { database, clock: () => now + 2000 },
      agent,
      { modelId: asked.plan.modelId },
      async (transaction, at) => {
        await approval.use(transaction, at);
        return { result: undefined, before: {}, after: {} };
      },
    );
    expect(await run([asked.requestId, '--yes'])).toMatchObject({
      code: 1,
      complaints: [`The request ${asked.requestId} was approved and used already.`],
    });
  });

  test.each(['', 'n', 'yess', ' no '])('the answer %j grants nothing', async (word) => {
    const asked = await request();
    expect(await run([asked.requestId], { word })).toMatchObject({ code: 1 });
    await expect(obtain(asked)).rejects.toMatchObject({ code: 'APPROVAL_REQUIRED' });
  });

  test('without a terminal it needs --yes', async () => {
    const asked = await request();
    const silent = await run([asked.requestId]);
    expect(silent).toMatchObject({ code: 1, complaints: [expect.stringContaining('--yes')] });
    await expect(obtain(asked)).rejects.toMatchObject({ code: 'APPROVAL_REQUIRED' });
    expect((await run([asked.requestId, '--yes'])).code).toBe(0);
    await obtain(asked);
  });

  test('denies, a grant that is not used yet too', async () => {
    const asked = await request();
    expect((await run([asked.requestId, '--yes'])).code).toBe(0);
    expect(await run(['--deny', asked.requestId], { word: 'y' })).toMatchObject({
      code: 0,
      printed: expect.stringContaining('Denied.'),
    });
    await expect(obtain(asked)).rejects.toMatchObject({
      message: expect.stringContaining('was declined by'),
    });
    for (const given of [
      [asked.requestId, '--yes'],
      [asked.requestId, '--yes', '--deny'],
    ])
      expect(await run(given)).toMatchObject({
        code: 1,
        complaints: [expect.stringContaining('was denied by admin')],
      });
  });

  test('lists what is open, and only that', async () => {
    const [open, done] = [await request(), await request()];
    await run([done.requestId, '--yes']);
    const { code, printed } = await run([]);
    expect(code).toBe(0);
    expect(printed).toContain(open.requestId);
    expect(printed).not.toContain(done.requestId);
    expect(await run([], { at: now + 3_600_000 })).toMatchObject({
      code: 0,
      printed: 'No request waits for an approval.',
    });
  });

  test('an id that is none, or that has run out', async () => {
    expect(await run(['feed\u001b[1m', '--yes'])).toEqual({
      code: 1,
      printed: '',
      complaints: [
        'There is no request feed\\u{1b}[1m in this store; modelyard approve lists those that are open.',
      ],
    });
    const asked = await request();
    expect(await run([asked.requestId, '--yes'], { at: now + 3_600_000 })).toMatchObject({
      code: 1,
      complaints: [expect.stringContaining('ran out at 2026-01-01T01:00:00.000Z')],
    });
  });

  test.each<Record<string, string>>([
    { MODELYARD_ROLE: 'viewer' },
    { MODELYARD_ROLE: 'client' },
    { MODELYARD_ROLE: 'operator' },
    { MODELYARD_ROLE: 'admin', MODELYARD_READ_ONLY: 'true' },
  ])('%j may not', async (settings) => {
    const asked = await request();
    for (const given of [[asked.requestId, '--yes'], [asked.requestId, '--deny', '--yes'], []])
      expect(await run(given, { settings })).toEqual({
        code: 1,
        printed: '',
        complaints: [
          expect.stringMatching(
            /^PERMISSION_DENIED: approve needs MODELYARD_ROLE=admin; here it is [a-z-]+\.$/,
          ),
        ],
      });
    await expect(obtain(asked)).rejects.toMatchObject({ code: 'APPROVAL_REQUIRED' });
  });

  describe('wrong arguments are said to be', () => {
    test.each([[['--force']], [['one', 'two']], [['--yes']], [['--deny']]])('%j', async (given) => {
      await expect(run(given)).rejects.toThrow(SettingsError);
    });
  });
});
