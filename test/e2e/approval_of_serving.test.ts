import { cpSync } from 'node:fs';
import type { ElicitRequestFormParams, ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type TestServer, type ToolName } from './client.ts';
import { runCommand } from './command.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { registryTables } from './registry_tables.ts';

type Step = [ToolName, Record<string, unknown>];

/** Version 1 is in production and answers nine of ten calls, 2 in staging the rest; 3 is deployed beside them. */
const model = { model_id: 'linear' };
const takesFromProduction: Record<string, Step> = {
  'all traffic elsewhere': ['set_traffic', { ...model, weights: { '2': 1 } }],
  'some traffic elsewhere': ['set_traffic', { ...model, weights: { '1': 0.89, '3': 0.11 } }],
  'another version deployed in its place': ['deploy_model', { ...model, version: '2' }],
  'a new version deployed in its place': [
    'deploy_model',
    { ...model, version: '4', source: testModel('linear_float32_b') },
  ],
  'a promotion that takes the traffic': [
    'promote_model',
    { ...model, version: '3', target_stage: 'staging', activate: true },
  ],
  'the version in production archived': [
    'promote_model',
    { ...model, version: '1', target_stage: 'archived' },
  ],
  'the version in production retired': ['retire_model', { ...model, version: '1', force: true }],
  rollback: ['rollback_model', { ...model, to_version: '0', reason: 'worse' }],
};
/** These take nothing from it, and change who answers. */
const changesAnswers: Record<string, Step> = {
  'more traffic to production': ['set_traffic', { ...model, weights: { '1': 0.95, '2': 0.05 } }],
  'a standby': ['set_traffic', { ...model, weights: { '1': 0.95, '2': 0.05, '3': 0 } }],
  'all traffic to production': ['deploy_model', { ...model, version: '1' }],
  'another version retired': ['retire_model', { ...model, version: '2', force: true }],
};
/** Free under the gate too. */
const leavesAlone: Record<string, Step> = {
  settings: [
    'deploy_model',
    { ...model, version: '1', set_active: false, instances: 2, error_threshold: 0.2 },
  ],
  shadow: ['set_traffic', { ...model, weights: { '1': 0.9, '2': 0.1 }, shadow_version: '3', sticky: false }],
  'a version that answers nobody retired': ['retire_model', { ...model, version: '0' }],
  'beside the others': ['deploy_model', { ...model, version: '0', set_active: false }],
  'a step': ['promote_model', { ...model, version: '3', target_stage: 'staging' }],
  'a first deployment': [
    'deploy_model',
    { model_id: 'fresh', version: '1', source: testModel('linear_float32') },
  ],
};

let template: Scratch;
const scratches: Scratch[] = [];
beforeAll(async () => {
  template = scratchDirectory();
  const server = await startServer({ directory: template.path, settings: { MODELYARD_APPROVALS: 'off' } });
  const source = testModel('linear_float32');
  for (const version of ['0', '1', '2', '3'])
    await server.call('deploy_model', { ...model, version, source, set_active: version === '1' });
  for (const [version, target_stage] of [
    ['0', 'production'],
    ['1', 'production'],
    ['2', 'staging'],
  ])
    await server.call('promote_model', { ...model, version, target_stage });
  await server.call('set_traffic', { ...model, weights: { '1': 0.9, '2': 0.1 } });
  await server.close();
});
afterAll(() => {
  for (const scratch of [template, ...scratches]) scratch.remove();
});

function copyOfTemplate(): string {
  const scratch = scratchDirectory();
  scratches.push(scratch);
  cpSync(template.path, scratch.path, { recursive: true });
  return scratch.path;
}

async function start(
  directory: string,
  mode: string,
  answer?: () => ElicitResult,
  role = 'operator',
): Promise<{ server: TestServer; questions: string[] }> {
  const questions: string[] = [];
  const server = await startServer({
    directory,
    settings: { MODELYARD_APPROVALS: mode, MODELYARD_ROLE: role },
    ...(answer && {
      person: async (asked: ElicitRequestFormParams) => {
        questions.push(asked.message);
        return answer();
      },
    }),
  });
  return { server, questions };
}

const declined = (): ElicitResult => ({ action: 'decline' });

/** The tables but for the audit trail and, of a deployment that was refused, the version that it registered. */
async function serving(directory: string): Promise<unknown> {
  const { routes, deployments, stage_transitions } = await registryTables(directory);
  return { routes, deployments, stage_transitions };
}

it('an operator whose person declines takes nothing from the version in production', async () => {
  const directory = copyOfTemplate();
  const { server, questions } = await start(directory, 'ask', declined);
  const before = await serving(directory);
  for (const [name, [tool, given]] of Object.entries(takesFromProduction)) {
    const error = await server.fail(tool, given);
    expect(error.code, `${name}: ${error.message}`).toBe('APPROVAL_REQUIRED');
    expect(error.message, name).toContain('declined');
    expect(await serving(directory), name).toEqual(before);
  }
  expect(questions).toHaveLength(Object.keys(takesFromProduction).length);
  expect(questions[1]).toContain('version 1 (in production) 89 %, version 3 11 %');
  const [tool, given] = takesFromProduction['a new version deployed in its place'] ?? ['health_check', {}];
  await server.call('register_model', given);
  expect((await server.fail(tool, given)).message).toContain('nothing was changed');
  const asked = questions.length;
  for (const step of [...Object.values(leavesAlone), ...Object.values(changesAnswers)])
    await server.call(...step);
  expect(questions).toHaveLength(asked);
  await server.close();
});

it('a deployment that was refused says what it left: the version that it registered', async () => {
  const directory = copyOfTemplate();
  const { server } = await start(directory, 'ask', declined);
  const [tool, given] = takesFromProduction['a new version deployed in its place'] ?? ['health_check', {}];
  const error = await server.fail(tool, given);
  expect(error.message).toContain('version 4 was registered, and nothing else was changed');
  const { versions } = await server.call('get_model', { ...model });
  expect(versions.map(({ version }) => version)).toContain('4');
  await server.close();
});

it('required, and a client that cannot ask: nothing before it is approved, and then exactly that', async () => {
  const directory = copyOfTemplate();
  const { server } = await start(directory, 'required');
  const before = await serving(directory);
  for (const [name, [tool, given]] of Object.entries(takesFromProduction)) {
    const error = await server.fail(tool, given);
    expect(error.hint, `${name}: ${error.message}`).toContain('modelyard approve');
    expect(await serving(directory), name).toEqual(before);
  }
  const [tool, given]: Step = ['set_traffic', { ...model, weights: { '2': 1 } }];
  const { hint } = await server.fail(tool, given);
  const requestId = /modelyard approve ([0-9a-f]{24})"/.exec(hint)?.[1] ?? '';
  expect(runCommand(directory, ['approve', requestId, '--yes'], { MODELYARD_ROLE: 'admin' }).code).toBe(0);
  // Another change, which takes nothing: what was approved is about other traffic then.
  await server.call('set_traffic', { ...model, weights: { '1': 1 } });
  expect((await server.fail(tool, given)).message).toContain(
    'what would happen is no longer what was approved',
  );
  await server.call('set_traffic', { ...model, weights: { '1': 1 }, shadow_version: '3' });
  const again = /modelyard approve ([0-9a-f]{24})"/.exec((await server.fail(tool, given)).hint)?.[1] ?? '';
  expect(runCommand(directory, ['approve', again, '--yes'], { MODELYARD_ROLE: 'admin' }).code).toBe(0);
  expect((await server.call(tool, given)).current.weights).toEqual({ '2': 1 });
  await server.close();
});

it.each(['off', 'ask'])('%s, and a client that cannot ask: all goes ahead', async (mode) => {
  const directory = copyOfTemplate();
  const { server } = await start(directory, mode);
  const names = ['some traffic elsewhere', 'all traffic elsewhere', 'rollback'];
  for (const [name, step] of Object.entries(takesFromProduction))
    if (names.includes(name)) await server.call(...step);
  await server.close();
});

it("with the model's gate, whatever changes who answers wants a person, in every mode", async () => {
  const directory = copyOfTemplate();
  const admin = await start(directory, 'off', undefined, 'admin');
  for (const model_id of ['linear', 'fresh']) {
    if (model_id === 'fresh')
      await admin.server.call('register_model', {
        model_id,
        version: '1',
        source: testModel('linear_float32'),
      });
    await admin.server.call('update_model', { model_id, gates: { production: { approval: true } } });
  }
  await admin.server.close();
  const { server, questions } = await start(directory, 'off', declined);
  const before = await serving(directory);
  const guarded = { ...takesFromProduction, ...changesAnswers };
  for (const [name, [tool, given]] of Object.entries(guarded)) {
    expect((await server.fail(tool, given)).code, name).toBe('APPROVAL_REQUIRED');
    expect(await serving(directory), name).toEqual(before);
  }
  expect(questions).toHaveLength(Object.keys(guarded).length);
  for (const step of Object.values(leavesAlone)) await server.call(...step);
  expect(questions).toHaveLength(Object.keys(guarded).length);
  await server.close();
});
