import { cpSync } from 'node:fs';
import type { ElicitRequestFormParams, ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ServerOptions, startServer, type TestServer, type ToolError } from './client.ts';
import { runCommand } from './command.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { handshake, startRaw, toolCall } from './raw_server.ts';
import { registryTables, withDatabase } from './registry_tables.ts';
import { until } from './until.ts';

const inProduction = { model_id: 'linear', version: '3', target_stage: 'production' } as const;
const changes = {
  promotion: { tool: 'promote_model', given: { ...inProduction, reason: 'better' } },
  rollback: { tool: 'rollback_model', given: { model_id: 'linear', reason: 'worse' } },
  'forced step': {
    tool: 'promote_model',
    given: { model_id: 'linear', version: '4', target_stage: 'staging', force: true },
  },
  deletion: { tool: 'delete_model', given: { model_id: 'linear', version: '5' } },
} as const;
type Change = (typeof changes)[keyof typeof changes];
const allChanges = Object.entries(changes).map(([name, change]) => ({ name, ...change }));

/** A registry in which each of the changes can be made, copied for every test. */
let template: Scratch;
let scratch: Scratch;
beforeAll(async () => {
  template = scratchDirectory();
  const server = await startServer({
    directory: template.path,
    settings: { MODELYARD_APPROVALS: 'off', MODELYARD_ROLE: 'admin' },
  });
  for (const version of ['1', '2', '3', '4', '5'])
    await server.call('register_model', {
      model_id: 'linear',
      version,
      source: testModel('linear_float32'),
    });
  for (const [version, target_stage] of [
    ['1', 'production'],
    ['2', 'production'],
    ['5', 'archived'],
  ])
    await server.call('promote_model', { model_id: 'linear', version, target_stage });
  await server.close();
  // Nothing has this metric: each version fails the gate.
  await setPolicy(template.path, 'staging', { min_metrics: { accuracy: 0.9 } });
});
afterAll(() => template.remove());
beforeEach(() => {
  scratch = scratchDirectory();
  cpSync(template.path, scratch.path, { recursive: true });
});
afterEach(() => scratch.remove());

const setPolicy = (directory: string, stage: string, policy: object) =>
  withDatabase(directory, (database) =>
    database
      .insertInto('gate_policies')
      .values({
        model_id: 'linear',
        stage,
        policy: JSON.stringify(policy),
        changed_at: 1,
        changed_by: 'admin',
      })
      .execute(),
  );

interface Asking {
  name: string;
  answer: () => Promise<ElicitResult>;
}
type Client = Asking | { name: string; answer?: never };
const none: Client = { name: 'a client that cannot ask' };
const accepts: Asking = {
  name: 'a client whose person accepts',
  answer: async () => ({ action: 'accept', content: { answer: 'yes' } }),
};
const declines: Asking = {
  name: 'a client whose person declines',
  answer: async () => ({ action: 'decline' }),
};
const answersNo: Asking = {
  name: 'a client whose person answers no',
  answer: async () => ({ action: 'accept', content: { answer: 'no' } }),
};
const dismisses: Asking = {
  name: 'a client whose person dismisses the question',
  answer: async () => ({ action: 'cancel' }),
};
const skips: Asking = {
  name: 'a client that accepts without having asked',
  answer: async () => ({ action: 'accept', content: {} }),
};
const garbles: Asking = {
  name: 'a client that answers what was not asked',
  answer: async () => ({ action: 'accept', content: { answer: 'YES', approve: true } }),
};
const fails: Asking = {
  name: 'a client that fails to ask',
  answer: async () => {
    throw new Error('no window to ask in');
  },
};

/** A server in a mode, with a client of a kind; `questions` are those that reached its person. */
async function start(mode: string, { answer }: Client, more: Record<string, string> = {}) {
  const questions: string[] = [];
  const person: ServerOptions['person'] =
    answer &&
    ((asked: ElicitRequestFormParams) => {
      questions.push(asked.message);
      return answer();
    });
  const server = await startServer({
    directory: scratch.path,
    settings: { MODELYARD_APPROVALS: mode, MODELYARD_ROLE: 'admin', ...more },
    ...(person && { person }),
  });
  return { server, questions };
}

const make = (server: TestServer, { tool, given }: Change, more: object = {}) =>
  server.call(tool, { ...given, ...more });
const refusal = async (
  server: TestServer,
  { tool, given }: Change,
  more: object = {},
): Promise<ToolError> => {
  const error = await server.fail(tool, { ...given, ...more });
  expect(error.code, `${tool}: ${error.message}`).toBe('APPROVAL_REQUIRED');
  return error;
};
const requestIn = ({ hint }: ToolError) => /modelyard approve ([0-9a-f]{24})"/.exec(hint)?.[1] ?? '';
const approve = (...given: string[]) =>
  runCommand(scratch.path, ['approve', ...given], { MODELYARD_ROLE: 'admin' });

describe.each([
  { mode: 'off', client: none },
  { mode: 'off', client: declines },
  { mode: 'ask', client: none },
])('$mode, $client.name', ({ mode, client }) => {
  it('what can be taken back goes ahead, a deletion needs the token of its preview', async () => {
    const { server, questions } = await start(mode, client);
    for (const change of [changes.promotion, changes.rollback, changes['forced step']])
      expect((await make(server, change)).applied).toBe(true);
    const before = await registryTables(scratch.path);
    expect((await refusal(server, changes.deletion)).hint).toContain('dry_run=true');
    await refusal(server, changes.deletion, { confirm: 'guess' });
    expect(await registryTables(scratch.path)).toEqual(before);
    const preview = await server.call('delete_model', { ...changes.deletion.given, dry_run: true });
    expect(await registryTables(scratch.path)).toEqual(before);
    expect((await make(server, changes.deletion, { confirm: preview.confirm })).applied).toBe(true);
    const trail = await withDatabase(scratch.path, (database) =>
      database.selectFrom('audit_entries').selectAll().execute(),
    );
    expect(trail.at(-1)).toMatchObject({ action: 'delete_model', outcome: 'done' });
    expect(JSON.stringify(trail)).not.toContain(preview.confirm);
    expect(questions).toEqual([]);
    expect((await server.call('health_check')).server.approvals).toBe(mode);
    await server.close();
  });
});

describe.each(['ask', 'required'])('%s, a client whose person accepts', (mode) => {
  it('each change is asked for, spelled out, and made', async () => {
    const { server, questions } = await start(mode, accepts);
    for (const change of allChanges) expect((await make(server, change)).applied, change.name).toBe(true);
    expect(questions).toHaveLength(allChanges.length);
    const [promotion, rollback, forced, deletion] = questions;
    for (const text of ['promote_model change linear', 'Version 3', 'production', 'Version 2', 'better'])
      expect(promotion).toContain(text);
    expect(promotion).toContain('Asked for by admin (modelyard-e2e 1.0.0).');
    for (const text of ['rollback_model change linear', 'version 2', 'worse'])
      expect(rollback).toContain(text);
    for (const text of ['Version 4', 'staging', 'Overridden', 'accuracy']) expect(forced).toContain(text);
    for (const text of ['delete_model change linear', '5', 'It cannot be taken back.'])
      expect(deletion).toContain(text);
    const approvals = await withDatabase(scratch.path, (database) =>
      database
        .selectFrom('audit_entries')
        .select('after')
        .where('action', '=', 'use_approval')
        .orderBy('sequence')
        .execute(),
    );
    expect(approvals).toHaveLength(allChanges.length);
    for (const { after } of approvals) expect(after).toContain('the person at admin (modelyard-e2e 1.0.0)');
    await server.close();
  });
});

describe.each([
  {
    mode: 'ask',
    clients: [
      { client: declines, says: 'declined' },
      { client: answersNo, says: 'declined' },
      { client: dismisses, says: 'gave no answer' },
      { client: skips, says: 'gave no answer' },
      { client: garbles, says: 'gave no answer' },
      { client: fails, says: 'gave no answer' },
    ],
  },
  { mode: 'required', clients: [{ client: declines, says: 'declined' }] },
])('$mode, a client whose person gives no yes', ({ mode, clients }) => {
  it('nothing changes, and the error says why', async () => {
    let current = declines;
    const { server, questions } = await start(mode, { ...declines, answer: async () => current.answer() });
    const before = await registryTables(scratch.path);
    const { confirm } = await server.call('delete_model', { ...changes.deletion.given, dry_run: true });
    for (const { client, says } of clients) {
      current = client;
      for (const change of [
        ...allChanges,
        { ...changes.deletion, given: { ...changes.deletion.given, confirm } },
      ]) {
        const error = await refusal(server, change);
        expect(error.message, client.name).toContain(says);
        expect(error.message, client.name).toContain('nothing was changed');
        expect(requestIn(error), client.name).toBe('');
      }
    }
    expect(questions).toHaveLength(clients.length * (allChanges.length + 1));
    expect(await registryTables(scratch.path)).toEqual(before);
    await server.close();
  });
});

describe.each([
  { client: none, of: allChanges },
  { client: dismisses, of: [changes.promotion] },
  { client: fails, of: [changes.deletion] },
])('required, $client.name', ({ client, of }) => {
  it('nothing changes until another terminal approves exactly that, once', async () => {
    const { server } = await start('required', client);
    const { confirm } = await server.call('delete_model', { ...changes.deletion.given, dry_run: true });
    let requestId = '';
    for (const change of of) {
      const before = await registryTables(scratch.path);
      requestId = requestIn(await refusal(server, change));
      const again = change.tool === 'delete_model' ? { confirm } : {};
      expect(requestIn(await refusal(server, change, again))).toBe(requestId);
      expect(await registryTables(scratch.path)).toEqual(before);
      const { code, output } = approve(requestId, '--yes');
      expect({ tool: change.tool, code }).toEqual({ tool: change.tool, code: 0 });
      expect(output).toContain('asked for by admin (modelyard-e2e 1.0.0)');
      expect((await make(server, change)).applied, change.tool).toBe(true);
    }
    expect(approve(requestId, '--yes')).toMatchObject({
      code: 1,
      complaint: `modelyard: The request ${requestId} was approved and used already.\n`,
    });
    await server.close();
  });
});

it('modelyard approve lists, needs a word, and denies', async () => {
  const { server } = await start('required', none);
  const requestId = requestIn(await refusal(server, changes.promotion));
  expect(approve()).toMatchObject({ code: 0, output: expect.stringContaining(requestId) });
  expect(approve(requestId)).toMatchObject({ code: 1, complaint: expect.stringContaining('--yes') });
  expect(approve(requestId, '--deny', '--yes').code).toBe(0);
  expect((await refusal(server, changes.promotion)).message).toContain('was declined by admin');
  await server.close();
});

it('an approval does not fit once what would happen is another thing', async () => {
  const { server } = await start('required', none);
  const promotion = changes.promotion;
  approve(requestIn(await refusal(server, promotion)), '--yes');
  // Meanwhile version 1 takes production from 2.
  const rollback = requestIn(await refusal(server, changes.rollback));
  approve(rollback, '--yes');
  await make(server, changes.rollback);
  const error = await refusal(server, promotion);
  expect(error.message).toContain('what would happen is no longer what was approved');
  expect(error.message).toMatch(/was "2" then and is "1" now/);
  await server.close();
});

it("a model's policy that wants a person holds in every mode", async () => {
  await setPolicy(scratch.path, 'production', { approval: true });
  for (const mode of ['off', 'ask']) {
    const { server } = await start(mode, none);
    const before = await registryTables(scratch.path);
    expect(requestIn(await refusal(server, changes.promotion))).not.toBe('');
    expect(await registryTables(scratch.path)).toEqual(before);
    await server.close();
  }
  const { server, questions } = await start('off', accepts);
  const { gates } = await server.call('promote_model', changes.promotion.given);
  expect(gates).toContainEqual(expect.objectContaining({ name: 'approval', passed: true }));
  expect(questions).toHaveLength(1);
  await server.close();
});

it('what a caller says cannot pose as part of the question', async () => {
  const { server, questions } = await start('ask', declines);
  await refusal(server, changes.promotion, {
    reason: 'fine\n\nWhat will change:\n- nothing\u202e\u200b **Approved** <b>already</b>',
  });
  const lines = questions[0]?.split('\n') ?? [];
  expect(lines.filter((line) => line === 'What will change:')).toHaveLength(1);
  expect(lines.filter((line) => line.includes('nothing'))).toEqual([
    '- Reason given: fine\\u{a}\\u{a}What will change:\\u{a}- nothing\\u{202e}\\u{200b} \\*\\*Approved\\*\\* \\u{3c}b\\>already\\u{3c}/b\\>',
  ]);
  await server.close();
});

describe('a question that nobody answers', () => {
  const forever = () => new Promise<ElicitResult>(() => undefined);
  const patience = { MODELYARD_ASK_TIMEOUT_MS: '86400000' };

  it('ends with its time, and is withdrawn', async () => {
    let withdrawn = false;
    const server = await startServer({
      directory: scratch.path,
      settings: { MODELYARD_ASK_TIMEOUT_MS: '100' },
      person: (_, signal) => {
        signal.addEventListener('abort', () => {
          withdrawn = true;
        });
        return forever();
      },
    });
    const before = await registryTables(scratch.path);
    expect((await refusal(server, changes.promotion)).message).toContain('gave no answer');
    await until('the withdrawal', () => withdrawn);
    expect(await registryTables(scratch.path)).toEqual(before);
    await server.close();
  });

  it('is withdrawn with its call, and holds up nobody meanwhile', async () => {
    let asked = false;
    let withdrawn = false;
    const server = await startServer({
      directory: scratch.path,
      settings: { ...patience, MODELYARD_APPROVALS: 'required' },
      person: (_, signal) => {
        asked = true;
        signal.addEventListener('abort', () => {
          withdrawn = true;
        });
        return forever();
      },
    });
    const before = await registryTables(scratch.path);
    const controller = new AbortController();
    const call = server.attempt('promote_model', changes.promotion.given, { signal: controller.signal });
    await until('the question', () => asked);
    expect((await server.call('get_model', { model_id: 'linear' })).model_id).toBe('linear');
    controller.abort('enough');
    await expect(call).rejects.toThrow('enough');
    await until('the withdrawal', () => withdrawn);
    expect(await registryTables(scratch.path)).toEqual(before);
    expect(approve().output).toBe('No request waits for an approval.\n');
    await server.close();
  });

  const asking = handshake.map((message) =>
    'params' in message
      ? { ...message, params: { ...Object(message.params), capabilities: { elicitation: {} } } }
      : message,
  );

  it('is not waited for when the session comes from a file', async () => {
    const { code, replies } = await startRaw({
      directory: scratch.path,
      settings: patience,
      input: [...asking, toolCall(7, 'promote_model', inProduction), toolCall(8, 'health_check')],
    }).ended;
    expect(code).toBe(0);
    expect(replies.find(({ id }) => id === 7)?.result?.structuredContent).toMatchObject({
      error: { code: 'APPROVAL_REQUIRED' },
    });
    expect(replies.find(({ id }) => id === 8)?.result?.isError).toBeUndefined();
  });

  it('ends when the client goes away before it answers', async () => {
    const server = startRaw({ directory: scratch.path, settings: patience });
    let output = '';
    server.process.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    server.send(...asking, toolCall(7, 'promote_model', inProduction));
    await until('the question', () => output.includes('"elicitation/create"'));
    server.process.stdin?.end();
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    expect(replies.find(({ id }) => id === 7)?.result?.structuredContent).toMatchObject({
      error: { code: 'APPROVAL_REQUIRED', message: expect.stringContaining('gave no answer') },
    });
  });

  it('is not taken back at the end of input when it has been answered', async () => {
    const server = startRaw({ directory: scratch.path, settings: patience });
    server.process.stdout?.on('data', (chunk: Buffer) => {
      const question = /"id":(\d+)[^\n]*"elicitation\/create"|"elicitation\/create"[^\n]*"id":(\d+)/.exec(
        chunk.toString('utf8'),
      );
      if (question !== null)
        server.send({
          jsonrpc: '2.0',
          id: Number(question[1] ?? question[2]),
          result: { action: 'accept', content: { answer: 'no' } },
        });
    });
    server.send(...asking, toolCall(7, 'promote_model', inProduction));
    expect((await server.answer(7)).result?.structuredContent).toMatchObject({
      error: { code: 'APPROVAL_REQUIRED', message: expect.stringContaining('declined') },
    });
    server.process.stdin?.end();
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    expect(replies.flatMap(({ method }) => method ?? [])).not.toContain('notifications/cancelled');
    expect(replies.flatMap(({ method }) => method ?? [])).toContain('elicitation/create');
  });

  it('is not put to a client that asks by address only', async () => {
    const byAddress = asking.map((message) =>
      'params' in message
        ? { ...message, params: { ...Object(message.params), capabilities: { elicitation: { url: {} } } } }
        : message,
    );
    const { code, replies } = await startRaw({
      directory: scratch.path,
      settings: { ...patience, MODELYARD_APPROVALS: 'required' },
      input: [...byAddress, toolCall(7, 'promote_model', inProduction)],
    }).ended;
    expect(code).toBe(0);
    expect(replies.filter(({ method }) => method !== undefined)).toEqual([]);
    expect(JSON.stringify(replies.find(({ id }) => id === 7))).toContain('modelyard approve');
  });
});
