import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Caller } from '../src/access/roles.ts';
import { callOrder } from '../src/call_order.ts';
import { ModelYardError } from '../src/errors.ts';
import { openServices } from '../src/services.ts';
import { readSettings } from '../src/settings.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import { type CallContext, defineTool, type Tool } from '../tools/define_tool.ts';
import { runTool } from './run_tool.ts';
import { temporaryDirectory } from './temporary.ts';

const logged: { level: string; message: string; fields: Record<string, unknown> | undefined }[] = [];
const log = (level: string) => (message: string, fields?: Record<string, unknown>) => {
  logged.push({ level, message, fields });
};
const logger: Logger = {
  error: log('error'),
  warn: log('warn'),
  info: log('info'),
  debug: log('debug'),
  close: async () => undefined,
};
beforeEach(() => {
  logged.length = 0;
});

const services = await openServices(readSettings({ MODEL_REGISTRY_DIR: temporaryDirectory() }), logger);
afterAll(() => services.close());

const input = z.strictObject({
  model_id: z.string().optional(),
  rows: z.array(z.strictObject({ count: z.number() })).optional(),
  mode: z.enum(['fast', 'slow']).default('fast'),
  wanted: z.boolean(),
});

/** A tool of the given permission; its handler may do anything. */
function tool(
  handle: (given: z.output<typeof input>) => Promise<{ said: string }>,
  permission: Tool['permission'] = 'READ',
) {
  return defineTool({
    name: 'try_it',
    title: 'Try it',
    description: 'Only here.',
    permission,
    hints: { readOnly: permission === 'READ', destructive: false, idempotent: true, openWorld: false },
    input,
    output: z.strictObject({ said: z.string() }),
    handle: (_, given) => handle(given),
  });
}
const says = (said: string) => tool(async () => ({ said }));
const throws = (error: unknown) =>
  tool(async () => {
    throw error;
  });

const operator: Caller = { role: 'operator', readOnly: false };
const dependencies = { services: async () => services, order: callOrder(), logger, lacking: [] };
const fine = { wanted: true };
const call = (called: ReturnType<typeof tool>, given: unknown, caller = operator) =>
  runTool(dependencies, called, given, caller);

test('a result is the same facts as text and as structured content', async () => {
  expect(await call(says('yes'), fine)).toEqual({
    content: [{ type: 'text', text: '{"said":"yes"}' }],
    structuredContent: { said: 'yes' },
  });
});

test('nothing that a caller is told names a tool that it lacks, and what is left still says what to do', async () => {
  const fails = async (hint: string) => {
    const failing = throws(new ModelYardError('NOT_DEPLOYED', 'm 1 is not deployed.', hint));
    const { structuredContent, content } = await runTool(
      { ...dependencies, lacking: ['deploy_model', 'retire_model'] },
      failing,
      fine,
      { role: 'viewer', readOnly: false },
    );
    expect(JSON.stringify(content)).not.toMatch(/deploy_model|retire_model/);
    return structuredContent.error;
  };
  expect(await fails('See get_model, or call deploy_model.')).toEqual({
    code: 'NOT_DEPLOYED',
    message: 'm 1 is not deployed.',
    hint: 'See get_model.',
    retryable: false,
  });
  expect(await fails('Call deploy_model with the version.')).toMatchObject({
    hint: 'The role viewer cannot change that: ask whoever runs the server.',
  });
});

test('pictures follow the facts', async () => {
  const draws = {
    ...says('yes'),
    handle: async (_: unknown, __: unknown, { show }: Pick<CallContext, 'show'>) => {
      show(Buffer.from('one'));
      show(Buffer.from('two'));
      return { said: 'see' };
    },
  };
  expect(await call(draws, fine)).toEqual({
    content: [
      { type: 'text', text: '{"said":"see"}' },
      { type: 'image', data: 'b25l', mimeType: 'image/png' },
      { type: 'image', data: 'dHdv', mimeType: 'image/png' },
    ],
    structuredContent: { said: 'see' },
  });
});

test('the handler gets the arguments with their defaults', async () => {
  const echo = tool(async (given) => ({ said: JSON.stringify(given) }));
  expect((await call(echo, { wanted: true })).structuredContent).toEqual({
    said: '{"mode":"fast","wanted":true}',
  });
});

test('an error says what happened and what to do next, and whether to try again', async () => {
  expect(await call(throws(new ModelYardError('TIMEOUT', 'It took too long.', 'Try again.')), fine)).toEqual({
    content: [{ type: 'text', text: 'TIMEOUT: It took too long. Try again.' }],
    structuredContent: {
      error: { code: 'TIMEOUT', message: 'It took too long.', hint: 'Try again.', retryable: true },
    },
    isError: true,
  });
});

describe('wrong arguments are INVALID_INPUT, each with its name and value', () => {
  test.each<[string, unknown, string]>([
    ['no arguments', undefined, 'wanted is required.'],
    ['a list', [], 'arguments=[] is not valid: must be an object.'],
    ['an unknown one', { wanted: true, mood: 1 }, 'Unknown argument mood.'],
    ['several unknown ones', { wanted: true, a: 1, b: 2 }, 'Unknown arguments a, b.'],
    ['one of another type', { wanted: 'yes' }, 'wanted="yes" is not valid: must be true or false.'],
    [
      'a choice there is not',
      { wanted: true, mode: 'idle' },
      'mode="idle" is not valid: must be one of "fast", "slow".',
    ],
    [
      'an unknown one with a long name',
      { wanted: true, ['m'.repeat(1e6)]: 1 },
      `Unknown argument ${'m'.repeat(80)}… (1000000 characters in all).`,
    ],
    [
      'many unknown ones',
      Object.fromEntries([['wanted', true], ...Array.from({ length: 900 }, (_, index) => [`a${index}`, 1])]),
      'Unknown arguments a0, a1, a2, a3, a4, … (900 in all).',
    ],
    [
      'one deep inside',
      { wanted: true, rows: [{ count: 1 }, { count: 'x' }] },
      'rows[1].count="x" is not valid: must be a number.',
    ],
    [
      'an unknown one deep inside',
      { wanted: true, rows: [{ count: 1, more: 2 }] },
      'Unknown argument more in rows[0].',
    ],
    [
      'two at once',
      { mode: 1, wanted: 1 },
      'mode=1 is not valid: must be one of "fast", "slow". wanted=1 is not valid: must be true or false.',
    ],
  ])('%s', async (_, given, message) => {
    expect((await call(says('yes'), given)).structuredContent).toEqual({
      error: {
        code: 'INVALID_INPUT',
        message,
        hint: 'try_it takes: model_id?, rows?, mode?, wanted.',
        retryable: false,
      },
    });
  });

  describe('a NUL is refused, for databases end texts there or take none', () => {
    const texts = defineTool({
      name: 'try_it',
      title: 'Try it',
      description: 'Only here.',
      permission: 'READ',
      hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
      input: z.strictObject({ note: z.unknown().optional(), rows: z.unknown().optional() }),
      output: z.strictObject({ said: z.string() }),
      rowArguments: ['rows'],
      handle: async () => ({ said: 'yes' }),
    });
    const tell = (given: unknown) => runTool(dependencies, texts, given);

    test.each([
      ['in a text', 'a\0b'],
      ['deep inside', [{ a: [null, 'fine', { b: '\0' }] }]],
      ['in a name', { 'a\0': 1 }],
    ])('%s', async (_, note) => {
      expect((await tell({ note })).structuredContent).toMatchObject({
        error: {
          code: 'INVALID_INPUT',
          message: 'note has a NUL character (\\u0000) in it, which no text may have here.',
        },
      });
    });

    test('however deep it is', async () => {
      const note: unknown = JSON.parse(`${'['.repeat(50_000)}"\\u0000"${']'.repeat(50_000)}`);
      expect((await tell({ note })).structuredContent).toMatchObject({ error: { code: 'INVALID_INPUT' } });
    });

    test('but not in rows of data', async () => {
      expect((await tell({ note: 'fine', rows: [{ city: 'a\0b' }] })).structuredContent).toEqual({
        said: 'yes',
      });
    });
  });

  test('a long value is cut', async () => {
    const { structuredContent } = await call(says('yes'), { wanted: 'x'.repeat(10_000) });
    expect(JSON.stringify(structuredContent).length).toBeLessThan(400);
  });
});

describe('a defect', () => {
  const secret = '/home/somebody/secret.ts';

  test.each([
    ['an error', new TypeError(`cannot read ${secret}`)],
    ['a text', secret],
    ['nothing', undefined],
  ])('that throws %s is INTERNAL and shows nothing of itself, but is logged', async (_, thrown) => {
    const result = await call(throws(thrown), fine);
    expect(result.structuredContent).toMatchObject({ error: { code: 'INTERNAL', retryable: false } });
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(logged).toMatchObject([
      { level: 'error', message: 'try_it failed: INTERNAL', fields: { error: thrown } },
    ]);
  });

  test.each(['SQLITE_BUSY', 'ECONNREFUSED', 'ENOSPC', 'EROFS'])(
    'of the storage (%s) is STORAGE_UNAVAILABLE, without a path',
    async (code) => {
      const result = await call(throws(Object.assign(new Error(`${code}: ${secret}`), { code })), fine);
      expect(result.structuredContent).toMatchObject({
        error: { code: 'STORAGE_UNAVAILABLE', retryable: true },
      });
      expect(JSON.stringify(result)).not.toContain('secret');
    },
  );

  test('in opening the services is answered too', async () => {
    const broken = { ...dependencies, services: () => Promise.reject(new Error(secret)) };
    expect(await runTool(broken, says('yes'), { wanted: true })).toMatchObject({ isError: true });
  });
});

describe('permission', () => {
  const changes = tool(async () => ({ said: 'done' }), 'WRITE');

  test('is asked of the role', async () => {
    const viewer: Caller = { role: 'viewer', readOnly: false };
    expect((await call(changes, fine, viewer)).structuredContent).toEqual({
      error: {
        code: 'PERMISSION_DENIED',
        message: 'try_it needs the permission WRITE, which the role viewer does not have.',
        hint: 'Start the server with another MODELYARD_ROLE to allow it.',
        retryable: false,
      },
    });
  });

  test('is not given on a read-only server, whatever the role', async () => {
    const admin: Caller = { role: 'admin', readOnly: true };
    expect((await call(changes, fine, admin)).structuredContent).toMatchObject({
      error: { code: 'PERMISSION_DENIED', hint: expect.stringContaining('--read-only') },
    });
  });

  test('of an operator is enough for a change', async () => {
    expect((await call(changes, fine)).isError).toBeUndefined();
  });
});

test('changes of one model are made in order, and a look that misses one waits for it', async () => {
  const events: string[] = [];
  const gate = { open: () => {} };
  const opened = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  let exists = false;
  const create = tool(async () => {
    await opened;
    exists = true;
    events.push('created');
    return { said: 'created' };
  }, 'WRITE');
  const rename = tool(async () => {
    events.push('renamed');
    return { said: 'renamed' };
  }, 'WRITE');
  const look = tool(async () => {
    if (!exists) throw new ModelYardError('MODEL_NOT_FOUND', 'There is none.', 'Make one.');
    return { said: 'found' };
  });
  const given = { wanted: true, model_id: 'm' };
  const results = Promise.all([call(create, given), call(rename, given), call(look, given)]);
  gate.open();
  expect((await results).map(({ structuredContent }) => structuredContent)).toEqual([
    { said: 'created' },
    { said: 'renamed' },
    { said: 'found' },
  ]);
  expect(events).toEqual(['created', 'renamed']);
});

test('an error that names very much is cut, and says how long it was', async () => {
  const failing = tool(async () => {
    throw new ModelYardError('TIMEOUT', 'a'.repeat(1e6), 'b'.repeat(1e6), { retryable: false });
  });
  const { structuredContent, content } = await call(failing, { wanted: true });
  expect(structuredContent.error).toEqual({
    code: 'TIMEOUT',
    message: `${'a'.repeat(5000)}… (1000000 characters in all)`,
    hint: `${'b'.repeat(3000)}… (1000000 characters in all)`,
    retryable: false,
  });
  expect(JSON.stringify(content).length).toBeLessThan(9000);
});

describe('an answer that no client could take', () => {
  const huge = 'x'.repeat(9_000_000);
  test('is an error that says how to ask for less', async () => {
    const { isError, structuredContent } = await call(says(huge), { wanted: true });
    expect(isError).toBe(true);
    expect(structuredContent.error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('9.0 MB'),
      hint: expect.stringContaining('less at once'),
    });
  });

  test('of a change says that it is done', async () => {
    const changed = tool(async () => ({ said: huge }), 'WRITE');
    const { structuredContent } = await call(changed, { wanted: true });
    expect(structuredContent.error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('is done'),
    });
  });
});
