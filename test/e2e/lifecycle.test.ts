import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { catalogue } from '../../tools/index.ts';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { childrenOf, untilGone } from './processes.ts';
import { handshake, type RawServer, startRaw, toolCall } from './raw_server.ts';
import { until } from './until.ts';

const onPosix = describe.skipIf(process.platform === 'win32');

const row = { f0: 1, f1: 2, f2: 3 };
const deployLinear = { model_id: 'linear', version: '1', source: testModel('linear_float32') };
const predictLinear = { model_id: 'linear', inputs: [row] };
const deploySlow = {
  model_id: 'slow',
  version: '1',
  source: testModel('slow_run'),
  // From then on health_check tells of a run that hangs.
  latency_threshold_ms: 50,
};
/** A run of more than an hour. */
const predictForever = { model_id: 'slow', inputs: [{ x: 1e9 }] };

let scratch: Scratch;
beforeEach(() => {
  scratch = scratchDirectory();
});
afterEach(() => scratch.remove());

const structured = z.object({ error: z.object({ code: z.string() }) });

describe('a session from a file: server < requests.jsonl', () => {
  it('answers every call and exits with 0, also calls that need one before them', async () => {
    const server = startRaw({
      directory: scratch.path,
      input: [
        ...handshake,
        toolCall(1, 'deploy_model', deployLinear),
        toolCall(2, 'predict', predictLinear),
        toolCall(3, 'promote_model', { model_id: 'linear', version: '1', target_stage: 'staging' }),
        toolCall(4, 'predict', { model_id: 'linear', inputs: [{ f0: 'one' }] }),
        toolCall(5, 'health_check'),
      ],
    });
    const { code, replies, standardError } = await server.ended;
    expect({ code, standardError }).toEqual({ code: 0, standardError: '' });
    expect(replies.map(({ id }) => id).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    const failed = replies.filter(({ error, result }) => error !== undefined || result?.isError === true);
    expect(failed.map(({ id }) => id)).toEqual([4]);
    await untilGone([server.pid]);
  });

  it('waits for a run that is under way when the input ends', async () => {
    const server = startRaw({
      directory: scratch.path,
      settings: { MODELYARD_PREDICT_TIMEOUT_MS: '1500' },
      input: [...handshake, toolCall(1, 'deploy_model', deploySlow), toolCall(2, 'predict', predictForever)],
    });
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    const last = replies.find(({ id }) => id === 2);
    expect(structured.parse(last?.result?.structuredContent).error.code).toBe('TIMEOUT');
  });

  it('exits with 0 when nothing was asked', async () => {
    const server = startRaw({ directory: scratch.path, input: [] });
    expect(await server.ended).toEqual({ code: 0, signal: null, replies: [], standardError: '' });
  });
});

/** A server with a model in an engine host; `hosts` are its children. */
async function startWithHost(options: {
  hanging: boolean;
  settings?: Record<string, string>;
}): Promise<{ server: RawServer; hosts: number[] }> {
  const server = startRaw({ directory: scratch.path, settings: options.settings ?? {} });
  server.send(...handshake, toolCall(1, 'deploy_model', options.hanging ? deploySlow : deployLinear));
  expect((await server.answer(1)).result?.isError).toBeUndefined();
  if (options.hanging) {
    server.send(toolCall(2, 'predict', predictForever));
    let id = 100;
    await until('the run to begin', async () => {
      id++;
      server.send(toolCall(id, 'health_check', { model_id: 'slow' }));
      return JSON.stringify((await server.answer(id)).result).includes('a run has taken');
    });
  }
  const hosts = childrenOf(server.pid);
  expect(hosts).toHaveLength(1);
  return { server, hosts };
}

onPosix('the end of a server leaves no process behind', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    it(`${signal}: exit code 0`, async () => {
      const { server, hosts } = await startWithHost({ hanging: false });
      process.kill(server.pid, signal);
      expect(await server.ended).toMatchObject({ code: 0, standardError: '' });
      await untilGone(hosts);
    });

  it('a second SIGTERM does not wait for a run that hangs', async () => {
    const { server, hosts } = await startWithHost({ hanging: true });
    process.kill(server.pid, 'SIGTERM');
    await until('the end', () => {
      if (server.process.exitCode === null) process.kill(server.pid, 'SIGTERM');
      return server.process.exitCode !== null;
    });
    expect((await server.ended).code).toBe(0);
    await untilGone(hosts);
  });

  it('SIGTERM while a run hangs: within the grace', async () => {
    const { server, hosts } = await startWithHost({ hanging: true });
    process.kill(server.pid, 'SIGTERM');
    expect((await server.ended).code).toBe(0);
    await untilGone(hosts);
  });

  it('standard output that nobody reads any more, with answers on the way', async () => {
    const { server, hosts } = await startWithHost({ hanging: false });
    server.process.stdout?.destroy();
    server.send(...[2, 3, 4, 5, 6].map((id) => toolCall(id, 'predict', predictLinear)));
    const { code, standardError } = await server.ended;
    expect({ code, standardError }).toEqual({ code: 0, standardError: '' });
    await untilGone(hosts);
  });

  it('standard output and error that nobody reads any more', async () => {
    const { server, hosts } = await startWithHost({
      hanging: false,
      settings: { MODELYARD_LOG_LEVEL: 'debug' },
    });
    server.process.stderr?.destroy();
    server.process.stdout?.destroy();
    server.send(...[2, 3, 4, 5, 6].map((id) => toolCall(id, 'predict', predictLinear)));
    expect((await server.ended).code).toBe(0);
    await untilGone(hosts);
  });

  it('kill -9', async () => {
    const { server, hosts } = await startWithHost({ hanging: false });
    process.kill(server.pid, 'SIGKILL');
    expect((await server.ended).signal).toBe('SIGKILL');
    await untilGone(hosts);
  });

  it('kill -9 in the middle of a run that hangs', async () => {
    const { server, hosts } = await startWithHost({ hanging: true });
    process.kill(server.pid, 'SIGKILL');
    expect((await server.ended).signal).toBe('SIGKILL');
    await untilGone(hosts);
  });

  it('a client that closes while a model loads', async () => {
    const server = startRaw({
      directory: scratch.path,
      settings: { MODELYARD_LOAD_TIMEOUT_MS: '2000' },
    });
    server.send(...handshake, toolCall(1, 'deploy_model', { ...deploySlow, source: testModel('slow_load') }));
    const hosts = await until('the host', () => {
      const found = childrenOf(server.pid);
      return found.length > 0 && found;
    });
    server.process.stdin?.end();
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    const refused = replies.find(({ id }) => id === 1);
    expect(structured.parse(refused?.result?.structuredContent).error.code).toBe('TIMEOUT');
    await untilGone(hosts);
  });
});

describe('wrong settings stop the start with one line that names them, and exit code 2', () => {
  it.each<{ what: string; settings?: Record<string, string>; flags?: string[]; named: string }>([
    { what: 'an unknown variable', settings: { MODELYARD_X: '1' }, named: 'MODELYARD_X' },
    { what: 'a threshold above 1', settings: { DRIFT_THRESHOLD: '7' }, named: 'DRIFT_THRESHOLD="7"' },
    { what: 'a threshold in words', settings: { DRIFT_THRESHOLD: 'low' }, named: 'DRIFT_THRESHOLD="low"' },
    { what: 'an unknown flag', flags: ['--verbose'], named: '--verbose' },
    { what: 'an unknown command', flags: ['serv'], named: 'serv' },
    {
      what: 'a relative registry directory',
      settings: { MODEL_REGISTRY_DIR: 'models' },
      named: 'MODEL_REGISTRY_DIR="models"',
    },
    { what: 'an unknown role', settings: { MODELYARD_ROLE: 'boss' }, named: 'MODELYARD_ROLE="boss"' },
    {
      what: 'a timeout of nothing',
      settings: { MODELYARD_PREDICT_TIMEOUT_MS: '0' },
      named: 'MODELYARD_PREDICT_TIMEOUT_MS="0"',
    },
    {
      what: 'an allowed root that is not there',
      settings: { MODELYARD_ALLOWED_ROOTS: join(scratchRootThatIsNot()) },
      named: 'MODELYARD_ALLOWED_ROOTS',
    },
    {
      what: 'a database of another kind, without showing its password',
      settings: { DATABASE_URL: 'mysql://root:secret@localhost/x' },
      named: 'DATABASE_URL',
    },
    { what: 'a config file that is not there', flags: ['--config', '/nowhere.json'], named: '/nowhere.json' },
    {
      what: '--ephemeral with a database',
      settings: { DATABASE_URL: 'postgres://localhost/x' },
      flags: ['--ephemeral'],
      named: '--ephemeral',
    },
  ])('$what', async ({ settings = {}, flags = [], named }) => {
    const { code, replies, standardError } = await startRaw({
      directory: scratch.path,
      settings,
      flags,
      input: handshake,
    }).ended;
    expect({ code, replies }).toEqual({ code: 2, replies: [] });
    expect(standardError).toMatch(/^modelyard: [^\n]+\n$/);
    expect(standardError).toContain(named);
    expect(standardError).not.toContain('secret');
    // Nothing was made on the way.
    expect(readdirSync(scratch.path)).toEqual(['requests.jsonl']);
  });
});

function scratchRootThatIsNot(): string {
  return join(testModel('linear_float32'), '..', 'no-such-directory');
}

describe('a store that cannot be opened: STORAGE_UNAVAILABLE, and the server goes on', () => {
  it.each<{ what: string; prepare(): Record<string, string> }>([
    {
      what: 'a registry directory that is a file',
      prepare: () => {
        const file = join(scratch.path, 'registry');
        writeFileSync(file, '');
        return {};
      },
    },
    {
      what: 'a database file that is none',
      prepare: () => {
        mkdirSync(join(scratch.path, 'registry'));
        writeFileSync(join(scratch.path, 'registry', 'modelyard.db'), 'no database '.repeat(1000));
        return {};
      },
    },
    {
      what: 'a PostgreSQL that does not answer',
      prepare: () => ({ DATABASE_URL: 'postgres://user:secret@127.0.0.1:1/none' }),
    },
  ])('$what', async ({ prepare }) => {
    const server = await startServer({ directory: scratch.path, settings: prepare() });
    expect((await server.client.listTools()).tools).toHaveLength(
      catalogue.filter(({ permission }) => permission !== 'ADMIN').length,
    );
    for (const [name, given] of [
      ['health_check', {}],
      ['predict', predictLinear],
      ['deploy_model', deployLinear],
    ] as const) {
      const { code, message, hint, retryable } = await server.fail(name, given);
      expect({ code, retryable }).toEqual({ code: 'STORAGE_UNAVAILABLE', retryable: true });
      expect(`${message} ${hint}`).not.toContain(scratch.path);
      expect(`${message} ${hint}`).not.toContain('secret');
    }
    expect(server.standardError()).not.toContain('secret');
    await server.close();
  });
});

describe('--ephemeral leaves nothing behind', () => {
  let temporary: string;
  beforeEach(() => {
    temporary = join(scratch.path, 'temporary');
    mkdirSync(temporary);
  });
  const options = () => ({
    directory: scratch.path,
    flags: ['--ephemeral'],
    // The directory of the registry is not used then.
    settings: { TMPDIR: temporary, TEMP: temporary, TMP: temporary },
  });

  it('at the end of input', async () => {
    const server = startRaw({
      ...options(),
      input: [...handshake, toolCall(1, 'deploy_model', deployLinear), toolCall(2, 'predict', predictLinear)],
    });
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    expect(replies.map(({ result }) => result?.isError)).toEqual([undefined, undefined, undefined]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(scratch.path).toSorted()).toEqual(['requests.jsonl', 'temporary']);
  });

  it('when nothing was asked', async () => {
    expect((await startRaw({ ...options(), input: [] }).ended).code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('at a signal', async () => {
    const server = startRaw(options());
    server.send(...handshake, toolCall(1, 'deploy_model', deployLinear));
    await server.answer(1);
    expect(readdirSync(temporary)).toHaveLength(1);
    process.kill(server.pid, 'SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe('what a caller may', () => {
  const namesWith = (...permissions: string[]) =>
    catalogue.filter(({ permission }) => permissions.includes(permission)).map(({ name }) => name);
  let shared: Scratch;
  beforeAll(async () => {
    shared = scratchDirectory();
    const server = await startServer({ directory: shared.path });
    await server.call('deploy_model', deployLinear);
    await server.close();
  });
  afterAll(() => shared.remove());

  it.each([
    { flags: ['--read-only'], settings: {} },
    { flags: [], settings: { MODELYARD_READ_ONLY: 'true' } },
  ])('a read-only server looks and predicts, and changes nothing: $flags $settings', async (options) => {
    const server = await startServer({ directory: shared.path, ...options });
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(namesWith('READ', 'PREDICT'));
    expect((await server.call('predict', predictLinear)).predictions[0]?.value).toBe(4.75);
    for (const [name, given] of [
      ['deploy_model', deployLinear],
      ['promote_model', { model_id: 'linear', version: '1', target_stage: 'staging' }],
      ['register_model', { ...deployLinear, version: '2' }],
      ['set_reference_data', { model_id: 'linear', data: [row] }],
      ['predict_file', { model_id: 'linear', input_path: 'rows.csv' }],
    ] as const)
      expect(await server.fail(name, given)).toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('read-only'),
      });
    const { server: facts } = await server.call('health_check');
    expect(facts.read_only).toBe(true);
    await server.close();
  });

  it.each([
    { role: 'viewer', may: namesWith('READ'), mayNot: ['predict', 'deploy_model'] as const },
    { role: 'client', may: namesWith('READ', 'PREDICT', 'FILE'), mayNot: ['deploy_model'] as const },
  ])('a $role', async ({ role, may, mayNot }) => {
    const server = await startServer({ directory: shared.path, settings: { MODELYARD_ROLE: role } });
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(may);
    const given = { predict: predictLinear, deploy_model: deployLinear };
    for (const name of mayNot) {
      const error = await server.fail(name, given[name]);
      expect(error.code).toBe('PERMISSION_DENIED');
      expect(error.message).toContain(`the role ${role}`);
    }
    expect((await server.call('health_check')).models.map(({ request_count }) => request_count)).toHaveLength(
      1,
    );
    await server.close();
  });

  it('an admin may force', async () => {
    const server = await startServer({ directory: shared.path, settings: { MODELYARD_ROLE: 'admin' } });
    const forced = await server.call('promote_model', {
      model_id: 'linear',
      version: '1',
      target_stage: 'staging',
      force: true,
    });
    expect(forced.applied).toBe(true);
    await server.close();
  });
});

describe('on the wire', () => {
  it('a line that is no JSON-RPC gets an error under its id, and the server goes on', async () => {
    const server = startRaw({ directory: scratch.path });
    server.send(
      ...handshake,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x":NaN}}',
      '{"jsonrpc":"2.0","id":2,"method":',
      'no JSON at all',
      '',
      '[]',
      '{"id":3,"method":"ping"}',
      `{"jsonrpc":"2.0","id":4,"method":"ping","params":{"_meta":{"padding":"${'x'.repeat(65 * 1024 * 1024)}"}}}`,
      { jsonrpc: '2.0', id: 5, method: 'ping' },
    );
    expect((await server.answer(1)).error?.code).toBe(-32700);
    expect((await server.answer(2)).error?.code).toBe(-32700);
    expect((await server.answer(3)).error?.code).toBe(-32700);
    expect((await server.answer(4)).error).toMatchObject({
      code: -32600,
      message: expect.stringContaining('longer than'),
    });
    expect((await server.answer(5)).result).toEqual({});
    server.process.stdin?.end();
    expect((await server.ended).code).toBe(0);
  });

  it('a message in pieces, and Windows line ends, are read', async () => {
    const server = startRaw({ directory: scratch.path });
    const text = [...handshake, { jsonrpc: '2.0', id: 1, method: 'ping' }]
      .map((message) => `${JSON.stringify(message)}\r\n`)
      .join('');
    for (let start = 0; start < text.length; start += 7)
      server.process.stdin?.write(text.slice(start, start + 7));
    expect((await server.answer(1)).result).toEqual({});
    server.process.stdin?.end();
    expect((await server.ended).code).toBe(0);
  });

  it('a cancelled request gets no answer, holds up nobody, and does not keep the server from ending', async () => {
    const { server, hosts } = await startWithHost({ hanging: true });
    server.send({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 2, reason: 'changed my mind' },
    });
    server.send(toolCall(3, 'deploy_model', deployLinear), toolCall(4, 'predict', predictLinear));
    expect((await server.answer(4)).result?.isError).toBeUndefined();
    server.process.stdin?.end();
    const { code, replies } = await server.ended;
    expect(code).toBe(0);
    expect(replies.some(({ id }) => id === 2)).toBe(false);
    await untilGone(hosts);
  });

  it('a cancelled client call is refused to the caller and the next one is answered', async () => {
    const server = await startServer({ directory: scratch.path });
    await server.call('deploy_model', deploySlow);
    const controller = new AbortController();
    const cancelled = server.attempt('predict', predictForever, { signal: controller.signal });
    controller.abort('enough');
    await expect(cancelled).rejects.toThrow('enough');
    expect((await server.call('health_check')).status).not.toBe('unhealthy');
    await server.close();
  });
});
