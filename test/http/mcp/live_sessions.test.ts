import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/storage/database.ts';
import { testModel } from '../../e2e/environment.ts';
import { until } from '../../e2e/until.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { connect, type Process, startProcess, testTools } from './processes.ts';

const directory = temporaryDirectory();
let happened: string[] = [];
const processes: Process[] = [];
let now = Date.now();
let admitted = (_owner: string) => true;

beforeAll(async () => {
  const tools = testTools({
    begun: (name) => happened.push(`${name} begun`),
    ended: (name, aborted) => happened.push(`${name} ${aborted ? 'taken back' : 'ended'}`),
  });
  const more = { clock: () => now, isAdmitted: async (owner: string) => admitted(owner) };
  for (const _ of [0, 1]) processes.push(await startProcess(directory, tools, more));
  const { client } = await connect(processes, { choose: () => 0 });
  const answer = await client.callTool({
    name: 'deploy_model',
    arguments: { model_id: 'm', version: '1', source: testModel('linear_float32') },
  });
  expect(answer.isError ?? false).toBe(false);
}, 60_000);
afterAll(() => Promise.all(processes.map(({ close }) => close())));
beforeEach(() => {
  happened = [];
  admitted = () => true;
});

/** What the timer of a server does. */
const look = async () => {
  now += 1000;
  for (const { live } of processes) await live.look();
};
const sessions = () => {
  const [first] = processes;
  if (first === undefined) throw new Error('no process was started');
  return first.services.sessions;
};
/** Each kind of request to either process in turn. */
const inTurn = () => {
  const counts = new Map<string, number>();
  return (what: string) => {
    const count = counts.get(what) ?? 0;
    counts.set(what, count + 1);
    return count % 2;
  };
};
const has = (text: string) => until(text, () => happened.includes(text));

test('each request of a session may reach another process', async () => {
  const { client, transport, way } = await connect(processes, { choose: inTurn() });
  for (const _ of [0, 1, 2]) {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('predict');
    const answer = await client.callTool({
      name: 'predict',
      arguments: { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] },
    });
    expect(answer.structuredContent).toMatchObject({ model_id: 'm', version: '1' });
  }
  for (const sent of ['tools/list', 'tools/call'].flatMap((method) =>
    [0, 1].map((n) => `POST ${method} → ${n}`),
  ))
    expect(way).toContain(sent);
  await transport.terminateSession();
});

test('who the client is stands in the audit trail of whichever process made the change', async () => {
  const { client } = await connect(processes, { choose: (what) => (what === 'POST tools/call' ? 1 : 0) });
  await client.callTool({ name: 'update_model', arguments: { model_id: 'm', description: 'by another' } });
  const { database, close } = await openDatabase({ directory });
  const last = await database
    .selectFrom('audit_entries')
    .select(['action', 'client'])
    .orderBy('sequence', 'desc')
    .executeTakeFirst();
  await close();
  expect(last).toEqual({ action: 'update_model', client: 'test 1' });
});

describe('a call that is taken back', () => {
  test.each([
    ['by the process that runs it', 'wait', 0],
    ['by another', 'wait', 1],
    ['on the short way by the process that runs it', 'wait_shortly', 0],
    ['on the short way by another', 'wait_shortly', 1],
  ])('%s stops, and its connection ends', async (_, name, canceller) => {
    const { client, transport, answers } = await connect(processes, {
      choose: (what) => (what === 'POST notifications/cancelled' ? canceller : 0),
    });
    const giveUp = new AbortController();
    const calling = client.callTool({ name, arguments: {} }, undefined, { signal: giveUp.signal });
    await has(`${name} begun`);
    giveUp.abort();
    await expect(calling).rejects.toThrow();
    await until(`${name} taken back`, async () => {
      await look();
      return happened.includes(`${name} taken back`);
    });
    await until('the end of its answer', () => answers.get('POST tools/call') === 'ended');
    expect(await sessions().readMessages([transport.sessionId ?? ''])).toEqual([]);
  });

  test('after it was answered changes nothing', async () => {
    const { client, transport } = await connect(processes, { choose: () => 1 });
    await transport.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } });
    await look();
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
  });
});

describe('a question to the person at the client', () => {
  test.each([
    ['by the process that asks', 0],
    ['by another', 1],
  ])('may be answered %s', async (_, answering) => {
    const asked: string[] = [];
    const { client, way } = await connect(processes, {
      choose: (what) => (what === 'POST answer' ? answering : 0),
      person: async (message) => {
        asked.push(message);
        return { action: 'accept', content: { answer: message === 'Really?' ? 'yes' : 'no' } };
      },
    });
    const calling = [
      client.callTool({ name: 'ask', arguments: { question: 'Really?' } }),
      client.callTool({ name: 'ask', arguments: { question: 'Perhaps?' } }),
    ];
    let isOver = false;
    const answers = Promise.all(calling).finally(() => {
      isOver = true;
    });
    await until('both answers', async () => {
      await look();
      return isOver;
    });
    expect((await answers).map(({ structuredContent }) => structuredContent)).toEqual([
      { answer: 'accepted' },
      { answer: 'declined' },
    ]);
    expect(asked.toSorted()).toEqual(['Perhaps?', 'Really?']);
    expect(way).toContain(`POST answer → ${answering}`);
  });

  test('of one process is not answered by the answer to that of another', async () => {
    const { client } = await connect(processes, {
      choose: inTurn(),
      person: async (message) => ({ action: 'accept', content: { answer: message } }),
    });
    let isOver = false;
    const answers = Promise.all(
      Array.from({ length: 8 }, (_, number) =>
        client.callTool({ name: 'ask', arguments: { question: number % 3 === 0 ? 'yes' : 'no' } }),
      ),
    ).finally(() => {
      isOver = true;
    });
    await until('all answers', async () => {
      await look();
      return isOver;
    });
    expect((await answers).map(({ structuredContent }) => structuredContent)).toEqual(
      Array.from({ length: 8 }, (_, number) => ({ answer: number % 3 === 0 ? 'accepted' : 'declined' })),
    );
  });

  test('is not asked of a client that did not say that it can ask, wherever the call is made', async () => {
    for (const number of [0, 1]) {
      const { client } = await connect(processes, {
        choose: (what) => (what === 'POST tools/call' ? number : 0),
      });
      const { structuredContent } = await client.callTool({
        name: 'ask',
        arguments: { question: 'Really?' },
      });
      expect(structuredContent).toEqual({ answer: 'cannot ask' });
    }
  });
});

describe('a session', () => {
  test('that its client ended is ended in every process', async () => {
    const { client, transport } = await connect(processes, {
      choose: (what) => (what === 'DELETE' ? 1 : 0),
    });
    await client.listTools();
    await transport.terminateSession();
    now += 500;
    await expect(client.listTools()).rejects.toMatchObject({ code: 404 });
  });

  test('that ended takes the calls under way with it, in other processes too', async () => {
    const { client, transport } = await connect(processes, {
      choose: (what) => (what === 'DELETE' ? 1 : 0),
    });
    const calling = client.callTool({ name: 'wait', arguments: {} });
    calling.catch(() => undefined);
    await has('wait begun');
    await transport.terminateSession();
    await until('the end of the call', async () => {
      await look();
      return happened.includes('wait taken back');
    });
  });

  test('of another token is none', async () => {
    const { transport } = await connect(processes, { choose: () => 0, owner: 'one' });
    const visitor = (owner: string) => ({ caller: { role: 'admin' as const, readOnly: false }, owner });
    const request = {
      method: 'POST',
      headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
      whenGone: () => undefined,
    };
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    for (const { live } of processes)
      for (const owner of ['two', ''])
        expect(await live.answer(transport.sessionId ?? '', visitor(owner), request, ping)).toBeUndefined();
  });

  test('has the tools of its token', async () => {
    const caller = { role: 'viewer' as const, readOnly: false };
    const { client } = await connect(processes, { choose: inTurn(), caller, owner: 'looker' });
    for (const _ of [0, 1]) {
      const names = (await client.listTools()).tools.map(({ name }) => name);
      expect(names).toContain('wait');
      expect(names).not.toContain('predict');
      const refused = await client.callTool({ name: 'predict', arguments: { model_id: 'm', inputs: [{}] } });
      expect(refused.structuredContent).toMatchObject({ error: { code: 'PERMISSION_DENIED' } });
    }
  });

  test('gives up its server after a minute in which nobody used it, and has it again when needed', async () => {
    const { client, way } = await connect(processes, { choose: (what) => (what === 'GET' ? 1 : 0) });
    await until('the stream', () => way.includes('GET → 1'));
    now += 61_000;
    await look();
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
  });

  test('links to files that every process reads', async () => {
    const path = join(directory, 'rows.csv');
    writeFileSync(path, 'a,b\n1,2\n');
    const uri = pathToFileURL(path).href;
    const { client } = await connect(processes, {
      choose: (what) => (what.startsWith('POST resources/') ? 1 : 0),
    });
    await client.callTool({ name: 'link', arguments: { uri } });
    expect((await client.listResources()).resources).toContainEqual(
      expect.objectContaining({ uri, name: 'rows.csv' }),
    );
    expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, text: 'a,b\n1,2\n' }]);
    const other = await connect(processes, { choose: () => 1 });
    await expect(other.client.readResource({ uri })).rejects.toThrow('No answer of this session');
  });
});

describe('a stream that listens', () => {
  const alert = {
    event: 'opened' as const,
    alert_id: 'a',
    model_id: 'm',
    version: '1',
    severity: 'warning' as const,
    cause: 'errors',
    rules: ['error_rate'],
    summary: 'Many calls fail.',
    facts: {},
    opened_at: '2026-01-01T00:00:00.000Z',
    at: '2026-01-01T00:00:00.000Z',
  };
  const tellAll = (more: object = {}) => {
    for (const { live } of processes) live.tell({ ...alert, ...more });
  };
  const listening = async (number: () => number) => {
    const connection = await connect(processes, { choose: (what) => (what === 'GET' ? number() : 0) });
    const told: unknown[] = [];
    connection.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      told.push(params.data);
    });
    await until('the stream', () => connection.answers.get('GET') === 'open');
    return { ...connection, told };
  };

  test('is told of alerts once, whichever process it is at', async () => {
    const { told } = await listening(() => 1);
    tellAll();
    await until('the alert', () => told.length > 0);
    tellAll({ alert_id: 'b' });
    await until('the second', () => told.length > 1);
    expect(told).toMatchObject([{ alert_id: 'a' }, { alert_id: 'b' }]);
  });

  test('is told from the level on that the client wants, set in another process', async () => {
    const { client, told } = await listening(() => 1);
    await client.setLoggingLevel('error');
    await look();
    tellAll({ alert_id: 'warning' });
    tellAll({ alert_id: 'critical', severity: 'critical' });
    await until('the alert', () => told.length > 0);
    expect(told).toMatchObject([{ alert_id: 'critical' }]);
  });

  test('gives way to a newer one of the same session', async () => {
    const { transport, answers } = await listening(() => 0);
    const second = await processes[1]?.live.answer(
      transport.sessionId ?? '',
      { caller: { role: 'operator', readOnly: false }, owner: '' },
      {
        method: 'GET',
        headers: { accept: 'text/event-stream', 'mcp-session-id': transport.sessionId ?? '' },
        whenGone: () => undefined,
      },
      undefined,
    );
    expect(second?.status).toBe(200);
    await look();
    await until('the end of the first', () => answers.get('GET') !== 'open');
  });

  test('ends when its token no longer counts', async () => {
    const { answers } = await listening(() => 0);
    admitted = () => false;
    await look();
    await until('its end', () => answers.get('GET') !== 'open');
  });
});
