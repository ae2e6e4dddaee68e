import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stdioTransport } from '../../src/transports/stdio.ts';

type Message = Parameters<ReturnType<typeof stdioTransport>['send']>[0];

/** A transport on streams in memory, with what it received and wrote. */
async function opened(output: Writable = new PassThrough()) {
  const input = new PassThrough();
  const transport = stdioTransport(input, output);
  const received: unknown[] = [];
  const errors: Error[] = [];
  transport.onmessage = (message) => received.push(message);
  transport.onerror = (error) => errors.push(error);
  await transport.start();
  return { input, output, transport, received, errors };
}

/** Everything that was sent into the streams has been handled. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const linesOf = (output: Writable) => {
  const text = output instanceof PassThrough ? String(output.read() ?? '') : '';
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
};

/** An output whose reader takes nothing until it is told to. */
function slowReader() {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  let flows = false;
  const output = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      taken.push(String(chunk));
      if (flows) done();
      else waiting.push(done);
    },
  });
  return {
    output,
    text: () => taken.join(''),
    async readAll() {
      flows = true;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        next();
        await turn();
      }
    },
  };
}

const request = (id: string | number): Message => ({ jsonrpc: '2.0', id, method: 'tools/list' });
const answer = (id: string | number): Message => ({ jsonrpc: '2.0', id, result: {} });
const line = (message: unknown) => `${JSON.stringify(message)}\n`;

test('messages arrive whole and in order, however the bytes are cut', async () => {
  const message = fc.record({
    jsonrpc: fc.constant('2.0' as const),
    id: fc.oneof(fc.string({ minLength: 1 }), fc.nat()),
    method: fc.constant('tools/call'),
    params: fc.record({ text: fc.string({ unit: 'grapheme' }) }),
  });
  const ending = fc.constantFrom('\n', '\r\n', '\n\n', ' \n');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(message, ending), { maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      async (sent, sizes) => {
        const { input, received, errors } = await opened();
        const bytes = Buffer.from(sent.map(([given, end]) => JSON.stringify(given) + end).join(''));
        for (let start = 0; start < bytes.length; ) {
          const size = sizes.next().value ?? 1;
          input.write(bytes.subarray(start, start + size));
          start += size;
        }
        await turn();
        expect(errors).toEqual([]);
        expect(received).toEqual(sent.map(([given]) => given));
      },
    ),
    { numRuns: 50 },
  );
});

test('every message is written as one line', async () => {
  const { transport, output } = await opened();
  const sent: Message[] = [
    { jsonrpc: '2.0', id: 1, result: { text: 'two\nlines' } },
    { jsonrpc: '2.0', method: 'notifications/progress' },
  ];
  for (const message of sent) await transport.send(message);
  await turn();
  expect(linesOf(output)).toEqual(sent);
});

test('parameters and arguments that are null are none', async () => {
  const { input, received, errors } = await opened();
  const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'health_check' } };
  const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
  input.write(line({ ...request(1), params: null }));
  input.write(line({ ...call, params: { ...call.params, arguments: null } }));
  input.write(line({ ...initialized, params: null }));
  await turn();
  expect(received).toEqual([request(1), call, initialized]);
  expect(errors).toEqual([]);
});

describe('what is no message', () => {
  test.each([
    ['text', 'hello\n', []],
    ['half a message', '{"jsonrpc": "2.0", "id": 7, "method"\n', [7]],
    ['a message of another protocol', '{"id": "seven"}\n', ['seven']],
    ['an id that is no id', '{"id": {"deep": 1}}\n', []],
    [
      'a call whose progress token is no token',
      '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"a","_meta":{"progressToken":{}}}}\n',
      [8],
    ],
  ])('is refused, and answered where it has an id: %s', async (_, sent, ids) => {
    const { input, output, received, errors } = await opened();
    input.write(sent + line(request(1)));
    await turn();
    expect(linesOf(output)).toEqual(
      ids.map((id) => ({
        jsonrpc: '2.0',
        id,
        error: { code: -32700, message: 'The message is not JSON-RPC.' },
      })),
    );
    expect(errors).toHaveLength(1);
    // The next one is served all the same.
    expect(received).toEqual([request(1)]);
  });

  test('is a message longer than 64 MB, which is answered without being held', async () => {
    const { input, output, received } = await opened();
    const part = Buffer.alloc(1024 * 1024, 'x');
    input.write('{"jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": {"text": "');
    for (let megabyte = 0; megabyte < 65; megabyte++) {
      input.write(part);
      if (megabyte % 8 === 0) await turn();
    }
    input.write(`"}}\n${line(request(1))}`);
    await turn();
    expect(linesOf(output)).toEqual([
      {
        jsonrpc: '2.0',
        id: 'long',
        error: { code: -32600, message: expect.stringContaining('longer than 67108864 bytes') },
      },
    ]);
    expect(received).toEqual([request(1)]);
  });
});

describe('idle', () => {
  /** Whether the transport says that all is answered by now. */
  const isIdle = async (transport: ReturnType<typeof stdioTransport>) => {
    let idle = false;
    void transport.idle().then(() => {
      idle = true;
    });
    for (let turns = 0; turns < 3; turns++) await turn();
    return idle;
  };

  test('waits for the answer of every request', async () => {
    const { input, transport } = await opened();
    expect(await isIdle(transport)).toBe(true);
    input.end(line(request(1)) + line(request('1')));
    await transport.ended;
    expect(await isIdle(transport)).toBe(false);
    await transport.send(answer(1));
    expect(await isIdle(transport)).toBe(false);
    await transport.send({ jsonrpc: '2.0', id: '1', error: { code: -32603, message: 'failed' } });
    expect(await isIdle(transport)).toBe(true);
  });

  test('does not wait for notifications, nor for what was cancelled', async () => {
    const { input, transport } = await opened();
    input.write(line({ jsonrpc: '2.0', method: 'notifications/initialized' }) + line(request(1)));
    input.write(line({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }));
    expect(await isIdle(transport)).toBe(true);
  });

  test('takes in requests that have just been read', async () => {
    const { input, transport } = await opened();
    input.write(line(request(1)));
    expect(await isIdle(transport)).toBe(false);
  });

  test('waits until the last answer is written', async () => {
    const slow = slowReader();
    const { transport } = await opened(slow.output);
    void transport.send(answer(1));
    expect(await isIdle(transport)).toBe(false);
    await slow.readAll();
    expect(await isIdle(transport)).toBe(true);
    expect(slow.text()).toBe(line(answer(1)));
  });

  test('does not wait for a client that is gone', async () => {
    const output = new PassThrough();
    const { input, transport } = await opened(output);
    input.write(line(request(1)));
    expect(await isIdle(transport)).toBe(false);
    output.destroy(new Error('EPIPE'));
    await transport.ended;
    expect(await isIdle(transport)).toBe(true);
  });

  test('does not wait for one that goes before it has read its last answer', async () => {
    let writing: ((error: Error | null) => void) | undefined;
    // As a pipe does: what is not read stays under way, and fails when its reader goes.
    const output = new Writable({
      highWaterMark: 1,
      write(_, __, done) {
        writing = done;
      },
      destroy(error, done) {
        writing?.(error);
        done(error);
      },
    });
    const { input, transport } = await opened(output);
    input.write(line(request(1)));
    const idle = transport.idle();
    await turn();
    void transport.send(answer(1));
    await turn();
    output.destroy(new Error('EPIPE'));
    await idle;
  });
});

test('a slow reader costs one listener, however many answers wait', async () => {
  const slow = slowReader();
  const { transport } = await opened(slow.output);
  const sent = Array.from({ length: 50 }, (_, id) => answer(id));
  const all = Promise.all(sent.map((message) => transport.send(message)));
  await turn();
  expect(slow.output.listenerCount('drain')).toBeLessThanOrEqual(1);
  await slow.readAll();
  await all;
  expect(slow.text()).toBe(sent.map(line).join(''));
});

test('after close nothing is read any more, and the owner is told', async () => {
  const { input, transport, received } = await opened();
  let closed = false;
  transport.onclose = () => {
    closed = true;
  };
  await transport.close();
  input.write(line(request(1)));
  await turn();
  expect([closed, received]).toEqual([true, []]);
});
