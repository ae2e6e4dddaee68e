import { beforeAll, describe, expect, test } from 'vitest';
import type { Approval, Ask, ChangePlan } from '../../src/access/approval.ts';
import { answerRequest } from '../../src/access/approval_changes.ts';
import type { ApprovalMode } from '../../src/access/approval_policy.ts';
import { listOpenRequests, readRequestById } from '../../src/access/approval_requests.ts';
import { createApprovals } from '../../src/access/approvals.ts';
import { changeModel } from '../../src/access/change_model.ts';
import { asAction, type Origin, originOf } from '../../src/access/origin.ts';
import { ModelYardError } from '../../src/errors.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { inProcesses } from '../storage/processes.ts';
import { intoProduction } from './approvers.ts';

const hour = 3_600_000;
const agent = originOf({ role: 'operator', readOnly: false, client: 'agent 1.0' }, 'promote_model', {});
const admin = originOf({ role: 'admin', readOnly: false, client: 'terminal' }, 'approve', {});

const says =
  (answer: 'accepted' | 'declined' | 'unanswered', questions: string[] = []): Ask =>
  async (question) => {
    questions.push(question);
    return answer;
  };

describeOnEachDatabase('approvals', (store) => {
  let database: Database;
  let now = Date.UTC(2026, 0, 1);
  let models = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
  });

  /** A model of its own for a test, and a change of it. */
  const change = async (facts: Record<string, unknown> = { version: '2', production: '1' }) => {
    const modelId = `model-${++models}`;
    await database.insertInto('models').values({ model_id: modelId, created_at: now, revision: 1 }).execute();
    const plan: ChangePlan = {
      modelId,
      summary: [`Model ${modelId}: version 2 goes to production.`, 'Version 1 is archived.'],
      change: intoProduction,
      facts,
    };
    return plan;
  };
  const approver = (mode: ApprovalMode, ask?: Ask, origin: Origin = agent) =>
    createApprovals({ database, clock: () => now, mode, lastsMs: hour }).approverOf({ origin, ask });
  /** Makes the change that an approval is for. */
  const carryOut = (plan: ChangePlan, approval: Approval, origin = agent) =>
    changeModel(
      { database, clock: () => now },
      origin,
      { modelId: plan.modelId },
      async (transaction, at) => {
        await approval.use(transaction, at);
        return { result: 'made', before: {}, after: {} };
      },
    );
  const refused = async (promise: Promise<unknown>): Promise<ModelYardError> => {
    const thrown = await promise.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(thrown instanceof ModelYardError)) throw new Error(`Nothing was refused, but: ${String(thrown)}`);
    expect(thrown.code).toBe('APPROVAL_REQUIRED');
    return thrown;
  };
  const requestIn = ({ hint }: ModelYardError) => /modelyard approve ([0-9a-f]{24})"/.exec(hint)?.[1] ?? '';
  const trail = async ({ modelId }: ChangePlan) => {
    const rows = await database
      .selectFrom('audit_entries')
      .select(['action', 'after', 'client'])
      .where('model_id', '=', modelId)
      .orderBy('sequence')
      .execute();
    return rows.map(({ action }) => action);
  };
  const requestsOf = ({ modelId }: ChangePlan) =>
    database.selectFrom('approvals').selectAll().where('model_id', '=', modelId).execute();
  const grant = (requestId: string, granted = true) =>
    answerRequest(database, admin, requestId, granted, now);

  test('off, and a client that cannot ask: a change that can be taken back goes ahead', async () => {
    for (const mode of ['off', 'ask'] as const) {
      const plan = await change();
      const approval = await approver(mode).obtain(plan);
      expect(approval.by).toBeNull();
      await carryOut(plan, approval);
      expect(await trail(plan)).toEqual(['promote_model']);
    }
  });

  test('off asks nobody, though the client could', async () => {
    const questions: string[] = [];
    await approver('off', says('declined', questions)).obtain(await change());
    expect(questions).toEqual([]);
  });

  describe('where the client can ask', () => {
    test.each(['ask', 'required'] as const)(
      '%s: yes lets the change be made, and is on record',
      async (mode) => {
        const questions: string[] = [];
        const plan = await change();
        const approval = await approver(mode, says('accepted', questions)).obtain(plan);
        expect(approval.by).toBe('the person at operator (agent 1.0)');
        await carryOut(plan, approval);
        expect(await trail(plan)).toEqual(['use_approval', 'promote_model']);
        expect(questions).toHaveLength(1);
        for (const text of [...plan.summary, 'promote_model', 'operator (agent 1.0)', 'can take it back'])
          expect(questions[0]).toContain(text);
      },
    );

    test.each(['ask', 'required'] as const)('%s: no refuses it, and is on record', async (mode) => {
      const plan = await change();
      const error = await refused(approver(mode, says('declined')).obtain(plan));
      expect(error.message).toContain('declined; nothing was changed');
      expect(await requestsOf(plan)).toEqual([]);
      expect(await trail(plan)).toEqual(['deny_approval']);
    });

    test('ask: no answer refuses it, and opens nothing', async () => {
      const plan = await change();
      const error = await refused(approver('ask', says('unanswered')).obtain(plan));
      expect(error.message).toContain('gave no answer; nothing was changed');
      expect(await requestsOf(plan)).toEqual([]);
    });

    test('required: no answer leaves a request that another terminal can grant', async () => {
      const plan = await change();
      const error = await refused(approver('required', says('unanswered')).obtain(plan));
      await grant(requestIn(error));
      // The grant is taken before anybody is asked again.
      const questions: string[] = [];
      const approval = await approver('required', says('declined', questions)).obtain(plan);
      expect(questions).toEqual([]);
      expect(approval.by).toBe('admin (terminal)');
      expect(await carryOut(plan, approval)).toBe('made');
    });

    test('required: a yes at the client closes the request that was open for the same change', async () => {
      const plan = await change();
      const requestId = requestIn(await refused(approver('required').obtain(plan)));
      await carryOut(plan, await approver('required', says('accepted')).obtain(plan));
      const { answered, request } = await grant(requestId);
      expect({ answered, state: request?.state }).toEqual({ answered: false, state: 'closed' });
      await refused(approver('required').obtain(plan));
    });

    test('an asking that fails is no yes', async () => {
      const broken: Ask = async () => {
        throw new ModelYardError('CANCELLED', 'The call was cancelled.', 'Nothing was changed.');
      };
      const plan = await change();
      await expect(approver('required', broken).obtain(plan)).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await requestsOf(plan)).toEqual([]);
    });
  });

  describe.each([
    { what: 'required', mode: 'required', personRequired: false },
    { what: "a model's policy, with off", mode: 'off', personRequired: true },
    { what: "a model's policy, with ask", mode: 'ask', personRequired: true },
  ] as const)('a person is required by $what, and the client cannot ask', ({ mode, personRequired }) => {
    const changeNow = async (facts?: Record<string, unknown>) => ({
      ...(await change(facts)),
      change: { ...intoProduction, entryWantsPerson: personRequired },
    });

    test('nothing happens until the request is granted, and then once', async () => {
      const plan = await changeNow();
      const first = await refused(approver(mode).obtain(plan));
      const requestId = requestIn(first);
      expect(first.message).toContain(
        `The request is ${requestId}, open until ${new Date(now + hour).toISOString()}`,
      );
      // The same call again, by whichever process, finds its request.
      const second = await refused(
        createApprovals({ database, clock: () => now, mode, lastsMs: hour })
          .approverOf({ origin: agent, ask: undefined })
          .obtain(plan),
      );
      expect(requestIn(second)).toBe(requestId);
      expect(await requestsOf(plan)).toHaveLength(1);
      expect((await listOpenRequests(database, now)).map((one) => one.requestId)).toContain(requestId);

      expect(await grant(requestId)).toMatchObject({ answered: true, request: { state: 'granted' } });
      const approval = await approver(mode).obtain(plan);
      expect(approval.by).toBe('admin (terminal)');
      await carryOut(plan, approval);
      expect(await trail(plan)).toEqual([
        'request_approval',
        'grant_approval',
        'use_approval',
        'promote_model',
      ]);
      expect((await readRequestById(database, requestId, now))?.state).toBe('used');

      // Used up: the one that has it in hand, and the next call.
      expect((await refused(carryOut(plan, approval))).message).toContain('used by another call');
      expect(requestIn(await refused(approver(mode).obtain(plan)))).not.toBe(requestId);
    });

    test('what is denied stays denied, without another request', async () => {
      const plan = await changeNow();
      const requestId = requestIn(await refused(approver(mode).obtain(plan)));
      expect(await grant(requestId, false)).toMatchObject({ answered: true, request: { state: 'denied' } });
      const error = await refused(approver(mode).obtain(plan));
      expect(error.message).toContain(`${requestId} for this change was declined by admin (terminal)`);
      expect(await requestsOf(plan)).toHaveLength(1);
      expect(await grant(requestId)).toMatchObject({ answered: false });
      expect(await trail(plan)).toEqual(['request_approval', 'deny_approval']);
    });
  });

  test('a grant fits no other change, and the error says what differs', async () => {
    const plan = await change({ version: '2', production: '1', traffic: 'stays' });
    await grant(requestIn(await refused(approver('required').obtain(plan))));
    const moved = { ...plan, facts: { version: '2', production: '7', alias: 'x' } };
    const error = await refused(approver('required').obtain(moved));
    expect(error.message).toContain('what would happen is no longer what was approved');
    expect(error.message).toContain('production was "1" then and is "7" now');
    expect(error.message).toContain('alias was absent then and is "x" now');
    expect(error.message).toContain('traffic was "stays" then and is absent now');
    expect(await requestsOf(plan)).toHaveLength(2);
    // Another action on the same model, and the same action on another.
    const rollback = originOf(agent.caller, 'rollback_model', {});
    await refused(approver('required', undefined, rollback).obtain(plan));
    await refused(approver('required').obtain({ ...(await change()), facts: plan.facts }));
    // The order in which facts are told is no difference.
    const { version, production, traffic } = { version: '2', production: '1', traffic: 'stays' };
    await approver('required').obtain({ ...plan, facts: { traffic, production, version } });
  });

  test('a request and a grant run out', async () => {
    const plan = await change();
    const [late, granted] = [now, requestIn(await refused(approver('required').obtain(plan)))];
    await grant(granted);
    const inHand = await approver('required').obtain(plan);
    now = late + hour;
    expect((await refused(carryOut(plan, inHand))).message).toContain('ran out');
    const next = requestIn(await refused(approver('required').obtain(plan)));
    expect(next).not.toBe(granted);
    now += hour;
    expect(await grant(next)).toMatchObject({ answered: false, request: { state: 'expired' } });
    expect((await listOpenRequests(database, now)).map(({ modelId }) => modelId)).not.toContain(plan.modelId);
  });

  test('a grant can be withdrawn before it is used', async () => {
    const plan = await change();
    const requestId = requestIn(await refused(approver('required').obtain(plan)));
    await grant(requestId);
    const inHand = await approver('required').obtain(plan);
    expect(await grant(requestId, false)).toMatchObject({ answered: true });
    await refused(carryOut(plan, inHand));
    await refused(approver('required').obtain(plan));
  });

  test('a use that is rolled back with its change leaves the grant', async () => {
    const plan = await change();
    await grant(requestIn(await refused(approver('required').obtain(plan))));
    const inHand = await approver('required').obtain(plan);
    const failing = changeModel(
      { database, clock: () => now },
      agent,
      { modelId: plan.modelId },
      async (transaction, at) => {
        await inHand.use(transaction, at);
        throw new Error('after the use');
      },
    );
    await expect(failing).rejects.toThrow('after the use');
    await carryOut(plan, await approver('required').obtain(plan));
  });

  test('four processes that ask at once open one request, and use one grant once', async () => {
    const plan = await change();
    const task = { name: 'obtain' as const, plan, origin: asAction(agent, agent.action), now };
    const asked = await inProcesses(store, [task, task, task, task]);
    expect(new Set(asked).size).toBe(1);
    const open = (await listOpenRequests(database, now)).filter(({ modelId }) => modelId === plan.modelId);
    expect(open).toHaveLength(1);
    await grant(open[0]?.requestId ?? '');
    const made = await inProcesses(store, [task, task, task, task]);
    expect(made.filter((outcome) => outcome === 'made')).toHaveLength(1);
    expect((await trail(plan)).filter((action) => action === 'use_approval')).toHaveLength(1);
  });

  describe('what cannot be taken back', () => {
    const destruction = async (facts?: Record<string, unknown>) => ({
      ...(await change(facts)),
      change: { ...intoProduction, deletes: true },
    });

    test.each([
      ['off', undefined],
      ['off', says('accepted')],
      ['ask', undefined],
    ] as const)('%s: needs the token of a preview, once', async (mode, ask) => {
      const plan = await destruction();
      expect((await refused(approver(mode, ask).obtain(plan))).hint).toContain('dry_run=true');
      const { confirm, expiresAt } = await approver(mode, ask).preview(plan);
      expect(expiresAt).toBe(now + 600_000);
      const approval = await approver(mode, ask).obtain(plan, confirm);
      expect(approval.by).toBe('the token of a preview by operator (agent 1.0)');
      await carryOut(plan, approval);
      expect((await refused(approver(mode, ask).obtain(plan, confirm))).message).toContain('used already');
      await refused(carryOut(plan, approval));
    });

    test('a token that is none, of another change or too old refuses', async () => {
      const plan = await destruction();
      const { confirm } = await approver('off').preview(plan);
      expect((await refused(approver('off').obtain(plan, 'guess'))).message).toContain(
        'not one that a preview gave',
      );
      const other = await refused(approver('off').obtain({ ...plan, facts: { versions: 3 } }, confirm));
      expect(other.message).toContain('no longer what was previewed');
      expect(other.message).toContain('versions was absent then and is 3 now');
      now += 600_000;
      expect((await refused(approver('off').obtain(plan, confirm))).message).toContain('has run out');
    });

    test('a token is not to be read from the table', async () => {
      const plan = await destruction();
      const { confirm } = await approver('off').preview(plan);
      expect(JSON.stringify(await requestsOf(plan))).not.toContain(confirm);
      // Nor does it pass for a request, or a request for it.
      const [row] = await requestsOf(plan);
      expect(await grant(row?.request_id ?? '')).toEqual({ answered: false, request: undefined });
    });

    test('ask: a yes at the client is enough; required: the token alone is not', async () => {
      const plan = await destruction();
      await carryOut(plan, await approver('ask', says('accepted')).obtain(plan));
      const { confirm } = await approver('required').preview(plan);
      const requestId = requestIn(await refused(approver('required').obtain(plan, confirm)));
      await refused(approver('required', says('declined')).obtain(plan, confirm));
      await grant(requestId);
      await carryOut(plan, await approver('required').obtain(plan, confirm));
    });

    test('ask: a no at the client is not overruled by a token', async () => {
      const plan = await destruction();
      const { confirm } = await approver('ask').preview(plan);
      await refused(approver('ask', says('declined')).obtain(plan, confirm));
      await refused(approver('ask', says('unanswered')).obtain(plan, confirm));
    });
  });
});
