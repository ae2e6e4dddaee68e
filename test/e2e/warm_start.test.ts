import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { childrenOf } from './processes.ts';
import { until } from './until.ts';

const given = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };

describe.skipIf(process.platform === 'win32')('a server that starts', () => {
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = scratchDirectory();
    const server = await startServer({ directory: scratch.path });
    for (const version of ['1', '2'])
      await server.call('deploy_model', { model_id: 'm', version, source: testModel('linear_float32') });
    await server.call('predict', given);
    await server.close();
  });
  afterAll(() => scratch.remove());

  test('loads the version that was called last, and no other, before anybody calls it', async () => {
    const server = await startServer({ directory: scratch.path });
    await until('a host', () => childrenOf(server.pid).length > 0);
    const hosts = childrenOf(server.pid);
    expect(hosts).toHaveLength(1);
    const answer = await server.call('predict', given);
    expect(answer).toMatchObject({ version: '2', predictions: [{ value: 4.75 }] });
    // The same host has answered.
    expect(childrenOf(server.pid)).toEqual(hosts);
    await server.close();
  });

  test('loads nothing where its role may not predict', async () => {
    const server = await startServer({ directory: scratch.path, settings: { MODELYARD_ROLE: 'viewer' } });
    const { models } = await server.call('health_check');
    expect(models.map(({ detail }) => detail)).toEqual(
      models.map(() => expect.stringContaining('not loaded')),
    );
    expect(childrenOf(server.pid)).toEqual([]);
    await server.close();
  });
});
