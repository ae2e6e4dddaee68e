import { PassThrough } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeTools } from '../../src/describe_tools.ts';
import { ModelYardError } from '../../src/errors.ts';
import { createServer } from '../../src/server.ts';
import { openServices, type Services } from '../../src/services.ts';
import { readSettings } from '../../src/settings.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { stdioTransport } from '../../src/transports/stdio.ts';
import { defineTool, type Tool } from '../../tools/define_tool.ts';
import { catalogue } from '../../tools/index.ts';
import { testModel } from '../e2e/environment.ts';
import { temporaryDirectory } from '../temporary.ts';

/** What a session does beside real tools: every form of an answer, progress, a wait that can be taken back. */
const input = z.strictObject({ what: z.string().optional(), model_id: z.string().optional() });
const output = z.looseObject({});
let begun: (() => void) | undefined;
const form = defineTool({
  name: 'form',
  title: 'Form',
  description: 'Only here.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input,
  output,
  links: (answer) =>
    answer.linked === true ? [{ uri: 'file:///a%20b.csv', name: 'a b.csv', mimeType: 'text/csv' }] : [],
  async handle(_, { what }, { signal, progress, show }) {
    progress(1, 4, 'one');
    progress(2, 4, 'two "quoted" \u2028');
    // The protocol wants a greater value each time: the client hears of none of these.
    progress(2, 4, 'again');
    progress(1, 4, 'back');
    if (what === 'wait')
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
        begun?.();
      });
    if (what === 'coded') throw new ModelYardError('CIRCUIT_OPEN', 'It is "open".\n', 'Wait \u{1F600}.');
    if (what === 'defect') throw new TypeError('no secret');
    if (what === 'picture') show(Buffer.from('PNG'));
    if (what === 'large') return { text: 'é"\\'.repeat(400_000) };
    if (what === 'too large') return { text: 'x'.repeat(9_000_000) };
    return {
      linked: what === 'link',
      numbers: [1e21, -0, 0.1, 5e-324],
      texts: ['', '\u0000', '\ud800', '</script>', '\u2028'],
      nested: { null: null, absent: undefined, list: [] },
    };
  },
});
const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};

interface Session {
  send(...messages: object[]): void;
  /** All that came in answer, in the order in which it came, once `count` responses are there. */
  received(count: number): Promise<unknown[]>;
}

async function open(
  services: Services,
  way: 'direct' | 'sdk',
  role: 'operator' | 'viewer',
): Promise<Session> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const tools: readonly Tool[] = [...catalogue, form];
  const { server, directCalls } = createServer({
    catalogue: async () => tools,
    roots: [],
    toolList: async () => describeTools(tools),
    services: async () => services,
    needed: () => undefined,
    caller: { role, readOnly: false },
    askTimeoutMs: 1000,
    inputEnded: new AbortController().signal,
    logger: silent,
  });
  if (way === 'sdk') await server.connect(new StdioServerTransport(toServer, toClient));
  else {
    const transport = stdioTransport(toServer, toClient);
    // What is taken is counted: a way that took nothing would be compared with itself.
    transport.directCalls = {
      ...directCalls,
      take: (request, reply) => {
        const isTaken = directCalls.take(request, reply);
        if (isTaken) taken += 1;
        return isTaken;
      },
    };
    await server.connect(transport);
  }
  let text = '';
  const received: unknown[] = [];
  let wake: () => void = () => undefined;
  toClient.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    received.push(...lines.map((line): unknown => JSON.parse(line)));
    wake();
  });
  const send = (...messages: object[]) => {
    toServer.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
  };
  const isResponse = (message: unknown) => typeof message === 'object' && message !== null && 'id' in message;
  return {
    send,
    async received(count) {
      while (received.filter(isResponse).length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return received.splice(0);
    },
  };
}

let taken = 0;
let nextId = 1;
const call = (name: string, given?: unknown, more: object = {}) => ({
  jsonrpc: '2.0',
  id: nextId++,
  method: 'tools/call',
  params: { name, ...(given !== undefined && { arguments: given }), ...more },
});
const handshake = [
  {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: LATEST_PROTOCOL_VERSION,
      capabilities: {},
      clientInfo: { name: 'both', version: '1' },
    },
  },
  { jsonrpc: '2.0', method: 'notifications/initialized' },
  // The tools are loaded by the first call.
  call('form'),
];

/** Ids of predictions, times and the order of members differ from call to call and from way to way. */
function comparable(received: unknown[]): string[] {
  return received.map((message) =>
    JSON.stringify(message, (_, value: unknown) => {
      if (typeof value === 'string')
        return value
          .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'an id')
          .replaceAll(/"(latency_ms|uptime_s|p50|p95|p99)":[0-9.]+/g, '"$1":0')
          .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a time')
          .replaceAll(/answered in [^"]*/g, 'answered')
          .replaceAll(/[\d.]+ GB free/g, 'room');
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
    }).replaceAll(/"(latency_ms|uptime_s|p50|p95|p99)":[0-9.]+/g, '"$1":0'),
  );
}

/** The first place in which two lists of messages differ, with what stands around it. */
function difference(ours: readonly string[], theirs: readonly string[]): [string, string] | undefined {
  const index = ours.findIndex((text, position) => text !== theirs[position]);
  if (index === -1 && ours.length === theirs.length) return undefined;
  const [one, other] = [ours[index] ?? '', theirs[index] ?? theirs.at(-1) ?? ''];
  const at = [...one].findIndex((character, position) => character !== other[position]);
  return [one.slice(Math.max(0, at - 80), at + 80), other.slice(Math.max(0, at - 80), at + 80)];
}

const records = [{ f0: 1, f1: 2, f2: 3 }];
const predict = (given: object, more?: object) => call('predict', { model_id: 'm', ...given }, more);

/** Each is sent to both, in one write. */
const exchanges: Record<string, () => object[]> = {
  'a prediction': () => [predict({ inputs: records })],
  'many at once': () =>
    Array.from({ length: 100 }, (_, index) => predict({ inputs: [{ ...records[0], f0: index }] })),
  'a thousand rows': () => [predict({ inputs: Array.from({ length: 1000 }, () => records[0]) })],
  tensors: () => [predict({ tensors: { x: { datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] } } })],
  'a classifier': () => [call('predict', { model_id: 'c', inputs: [{ f0: 1, f1: 2, f2: 3 }] })],
  'arguments as JSON text': () => [predict({ inputs: JSON.stringify(records) })],
  'a model that is not there': () => [call('predict', { model_id: 'nobody', inputs: records })],
  'a wrong row': () => [predict({ inputs: [{ f0: 'abc', f1: 2, f2: 3 }] })],
  'an unknown argument': () => [predict({ inputs: records, more: 1 })],
  'no arguments': () => [call('search_models'), call('form')],
  'other tools': () => [
    call('get_model', { model_id: 'm' }),
    call('list_alerts', { model_id: 'm' }),
    call('search_models', { query: 'm' }),
  ],
  'a tool that the role lacks': () => [call('retire_model', { model_id: 'm', version: '9' })],
  'a tool that is not there': () => [call('no_tool', { a: 1 })],
  'parameters of another form': () => [
    call('form', 'text'),
    call('form', ['list']),
    { jsonrpc: '2.0', id: nextId++, method: 'tools/call' },
    { jsonrpc: '2.0', id: nextId++, method: 'tools/call', params: {} },
    call('form', undefined, { name: 7 }),
    call('form', {}, { unknown: 1 }),
    call('form', {}, { task: { ttl: 1000 } }),
  ],
  progress: () => [
    call('form', {}, { _meta: { progressToken: 'p' } }),
    call('form', {}, { _meta: { progressToken: 7 } }),
  ],
  ...Object.fromEntries(
    ['link', 'picture', 'large', 'too large', 'coded', 'defect'].map((what) => [
      `an answer: ${what}`,
      () => [call('form', { what })],
    ]),
  ),
  'an id that is text': () => [{ ...call('form'), id: 'text "quoted"' }],
  'a ping between': () => [call('form'), { jsonrpc: '2.0', id: nextId++, method: 'ping' }, call('form')],
};
describe.each(['operator', 'viewer'] as const)(
  'what a client sees of a %s is the same as by the SDK',
  (role) => {
    let services: Services;
    let direct: Session;
    let sdk: Session;

    beforeAll(async () => {
      const settings = readSettings({ MODEL_REGISTRY_DIR: temporaryDirectory() });
      services = await openServices(settings, silent);
      const preparing = await open(services, 'sdk', 'operator');
      preparing.send(
        ...handshake,
        call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') }),
        call('deploy_model', { model_id: 'c', version: '1', source: testModel('logistic_binary') }),
      );
      await preparing.received(4);
      [direct, sdk] = [await open(services, 'direct', role), await open(services, 'sdk', role)];
      for (const session of [direct, sdk]) {
        session.send(...handshake);
        await session.received(2);
      }
    });
    afterAll(() => services.close());

    test.each(Object.entries(exchanges))('%s', async (name, make) => {
      const messages = make();
      const before = taken;
      direct.send(...messages);
      const answers = comparable(await direct.received(messages.length));
      if (name !== 'a tool that is not there') expect(taken).toBeGreaterThan(before);
      sdk.send(...messages);
      // What is under way at once may be answered in any order.
      const theirs = comparable(await sdk.received(messages.length));
      expect(difference(answers.toSorted(), theirs.toSorted())).toBeUndefined();
    });

    test('progress is told with a greater value each time', async () => {
      for (const session of [direct, sdk]) {
        session.send(call('form', {}, { _meta: { progressToken: 'p' } }));
        const received = z
          .array(z.looseObject({ params: z.object({ progress: z.number() }).optional() }))
          .parse(await session.received(1));
        expect(received.flatMap(({ params }) => params?.progress ?? [])).toEqual([1, 2]);
      }
    });

    test('arguments that are no object are INVALID_INPUT in a sentence', async () => {
      for (const session of [direct, sdk])
        for (const given of ['text', ['list'], 7, true]) {
          session.send(call('form', given));
          expect(await session.received(1)).toMatchObject([
            {
              result: {
                isError: true,
                structuredContent: {
                  error: {
                    code: 'INVALID_INPUT',
                    message: `arguments=${JSON.stringify(given)} is not valid: must be an object.`,
                    hint: 'form takes: what?, model_id?.',
                  },
                },
              },
            },
          ]);
        }
    });

    test('a call that is taken back is not answered, nor is its progress; the next one is', async () => {
      for (const session of [direct, sdk]) {
        const waiting = call('form', { what: 'wait' }, { _meta: { progressToken: 'w' } });
        const isBegun = new Promise<void>((resolve) => {
          begun = resolve;
        });
        session.send(waiting);
        await isBegun;
        const next = call('form');
        session.send(
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: waiting.id } },
          next,
        );
        const received = await session.received(1);
        expect(received).toMatchObject([
          { method: 'notifications/progress' },
          { method: 'notifications/progress' },
          { id: next.id },
        ]);
      }
    });
  },
);
