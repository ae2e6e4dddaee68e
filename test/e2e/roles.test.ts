import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { may, type Role } from '../../src/access/roles.ts';
import { catalogue } from '../../tools/index.ts';
import { startServer, type TestServer } from './client.ts';
import { runCommand } from './command.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { handshake, startRaw, toolCall } from './raw_server.ts';
import { registryTables, withDatabase } from './registry_tables.ts';

const row = { f0: 1, f1: 2, f2: 3 };
const source = testModel('linear_float32');

/** What makes each tool that changes something do so, in the template, for a caller who may; else see `given`. */
const changing: Record<string, Record<string, unknown>> = {
  deploy_model: { version: '2' },
  promote_model: { version: '1', target_stage: 'production' },
  register_model: { version: '9', source },
  set_reference_data: { data: [row] },
  set_traffic: { weights: { 1: 1 }, sticky: false },
  retire_model: { version: '1', force: true },
  rollback_model: { reason: 'worse' },
  delete_model: { version: '3', dry_run: true },
};
const looking: Record<string, Record<string, unknown>> = {
  predict: { inputs: [row] },
  predict_file: { input_path: 'none.csv' },
  detect_drift: { current_data: Array.from({ length: 50 }, (_, index) => ({ ...row, f0: index })) },
};
const given = (name: string) => ({ model_id: 'linear', ...(changing[name] ?? looking[name]) });

let template: Scratch;
let scratch: Scratch;
beforeAll(async () => {
  template = scratchDirectory();
  const server = await startServer({ directory: template.path, settings: { MODELYARD_ROLE: 'admin' } });
  await server.call('deploy_model', { model_id: 'linear', version: '1', source });
  for (const version of ['2', '3'])
    await server.call('register_model', { model_id: 'linear', version, source });
  await server.call('promote_model', { model_id: 'linear', version: '3', target_stage: 'archived' });
  const data = Array.from({ length: 50 }, (_, index) => ({ ...row, f0: -index }));
  await server.call('set_reference_data', { model_id: 'linear', version: '1', data });
  await server.close();
});
afterAll(() => template.remove());
beforeEach(() => {
  scratch = scratchDirectory();
  cpSync(template.path, scratch.path, { recursive: true });
});
afterEach(() => scratch.remove());

const start = (settings: Record<string, string>): Promise<TestServer> =>
  startServer({ directory: scratch.path, settings });
const approvals = () =>
  withDatabase(scratch.path, (database) => database.selectFrom('approvals').selectAll().execute());

/** A server that tells MLflow what it measures; nobody listens there. */
const telling = { MLFLOW_TRACKING_URI: 'http://127.0.0.1:9', MLFLOW_EXPERIMENT_NAME: 'roles' };
const told = () =>
  withDatabase(scratch.path, (database) => database.selectFrom('mlflow_measurements').selectAll().execute());

describe.each<{ role: Role; readOnly: boolean }>([
  { role: 'viewer', readOnly: false },
  { role: 'client', readOnly: false },
  { role: 'operator', readOnly: false },
  { role: 'operator', readOnly: true },
  { role: 'admin', readOnly: true },
])('$role, read-only: $readOnly', ({ role, readOnly }) => {
  const caller = { role, readOnly };
  const settings = { MODELYARD_ROLE: role, MODELYARD_READ_ONLY: String(readOnly) };
  const refused = catalogue.filter(({ permission }) => !may(caller, permission));

  it('is listed what it may call, and refused every other tool, whatever the arguments are', async () => {
    const server = await start(settings);
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      catalogue.filter(({ permission }) => may(caller, permission)).map(({ name }) => name),
    );
    const told = JSON.stringify([tools, server.client.getInstructions()]);
    expect(refused.flatMap(({ name }) => (new RegExp(`\\b${name}\\b`).test(told) ? name : []))).toEqual([]);
    await expect(server.client.callTool({ name: 'nonsense', arguments: {} })).rejects.toThrow(
      `There is no tool nonsense. Tools: ${tools.map(({ name }) => name).join(', ')}.`,
    );
    expect((await server.call('health_check')).server).toMatchObject({ role, read_only: readOnly });
    const before = [await registryTables(scratch.path), await approvals()];
    for (const { name } of refused)
      for (const attempted of [given(name), {}, { ...given(name), force: true }, { nonsense: 1 }]) {
        const { structuredContent } = await server.attempt(name, attempted);
        expect(structuredContent, name).toMatchObject({
          error: {
            code: 'PERMISSION_DENIED',
            message: expect.stringContaining(readOnly ? 'a read-only server' : `the role ${role}`),
          },
        });
      }
    expect([await registryTables(scratch.path), await approvals()]).toEqual(before);
    await server.close();
  });
});

describe.each([
  { MODELYARD_ROLE: 'viewer' },
  { MODELYARD_ROLE: 'client' },
  { MODELYARD_ROLE: 'admin', MODELYARD_READ_ONLY: 'true' },
])('no path of a session with %j changes the registry', (settings) => {
  it('no tool that it may call', async () => {
    const server = await start({ ...settings, ...telling });
    const before = [await registryTables(scratch.path), await approvals()];
    for (const { name } of catalogue) await server.attempt(name, given(name));
    await server.call('detect_drift', given('detect_drift'));
    await server.close();
    expect([await registryTables(scratch.path), await approvals()]).toEqual(before);
    expect(await told()).toEqual([]);
  });

  it('no command', async () => {
    const before = [await registryTables(scratch.path), await approvals()];
    for (const command of [
      ['approve', 'feed', '--yes'],
      ['approve', 'feed', '--deny', '--yes'],
      ['restore', join(scratch.path, 'backup')],
    ]) {
      const { code, complaint } = runCommand(scratch.path, command, settings);
      expect({ command, code }).not.toEqual({ command, code: 0 });
      expect(complaint).toMatch(/^modelyard: [^\n]+\n$/);
    }
    expect([await registryTables(scratch.path), await approvals()]).toEqual(before);
  });
});

it('the same calls do change it for one who may', async () => {
  const server = await start({ MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off', ...telling });
  await server.call('detect_drift', given('detect_drift'));
  for (const name of ['register_model', 'deploy_model', 'promote_model', 'set_reference_data'] as const) {
    const before = await registryTables(scratch.path);
    await server.call(name, given(name));
    expect(await registryTables(scratch.path), name).not.toEqual(before);
  }
  await server.close();
  expect(await told()).toHaveLength(1);
});

it('a refused change is in the audit trail, with the role and the client', async () => {
  const server = await start({ MODELYARD_ROLE: 'viewer' });
  await server.attempt('promote_model', given('promote_model'));
  await server.close();
  const entry = await withDatabase(scratch.path, (database) =>
    database.selectFrom('audit_entries').selectAll().orderBy('sequence', 'desc').executeTakeFirst(),
  );
  expect(entry).toMatchObject({
    role: 'viewer',
    client: 'modelyard-e2e 1.0.0',
    action: 'promote_model',
    outcome: 'PERMISSION_DENIED',
  });
});

it("a client's name is cut and on one line, wherever it goes", async () => {
  const name = `evil\n\u001b[2J\u202e${'x'.repeat(5000)}`;
  const introduced = handshake.map((message) =>
    'params' in message
      ? { ...message, params: { ...Object(message.params), clientInfo: { name, version: '1\r\n2' } } }
      : message,
  );
  const { code } = await startRaw({
    directory: scratch.path,
    input: [
      ...introduced,
      toolCall(1, 'register_model', { model_id: 'linear', version: '9', source }),
      toolCall(2, 'promote_model', { model_id: 'linear', version: '99', target_stage: 'staging' }),
    ],
  }).ended;
  expect(code).toBe(0);
  const { version, clients } = await withDatabase(scratch.path, async (database) => ({
    version: await database
      .selectFrom('versions')
      .select('created_by')
      .where('version', '=', '9')
      .executeTakeFirstOrThrow(),
    clients: await database
      .selectFrom('audit_entries')
      .select('client')
      .orderBy('sequence', 'desc')
      .limit(2)
      .execute(),
  }));
  for (const text of [version.created_by, ...clients.map(({ client }) => client ?? '')]) {
    expect(text).toMatch(
      /^(operator \()?evil\\u\{a\}\\u\{1b\}\[2J\\u\{202e\}x+… \(5010 characters in all\) 1\\u\{d\}\\u\{a\}2\)?$/,
    );
    expect(text.length).toBeLessThan(250);
  }
});

describe('what is misspelt stops the start', () => {
  it.each([
    { MODELYARD_ROLE: 'viewr' },
    { MODELYARD_ROLE: 'Admin' },
    { MODELYARD_APPROVALS: 'require' },
    { MODELYARD_APPROVALS: 'ON' },
    { MODELYARD_READ_ONLY: 'maybe' },
    { MODELYARD_APROVALS: 'required' },
  ])('%j', async (settings) => {
    const fresh = scratchDirectory();
    const [[name = '', value] = []] = Object.entries(settings);
    const { code, replies, standardError } = await startRaw({
      directory: fresh.path,
      settings,
      input: handshake,
    }).ended;
    expect({ code, replies }).toEqual({ code: 2, replies: [] });
    expect(standardError).toMatch(/^modelyard: [^\n]+\n$/);
    expect(standardError).toContain(name);
    if (name !== 'MODELYARD_APROVALS') expect(standardError).toContain(`${name}="${value}"`);
    expect(existsSync(join(fresh.path, 'registry'))).toBe(false);
    // The command line reads the same settings.
    expect(runCommand(fresh.path, ['approve'], settings)).toMatchObject({ code: 2, output: '' });
    fresh.remove();
  });
});
