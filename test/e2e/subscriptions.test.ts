import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHttpServer } from '../http/http_server.ts';
import { connectHttp } from '../http/mcp/connect_http.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { withDatabase } from './registry_tables.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const given = { model_id: 'linear', source: testModel('linear_float32') };
const sixty = Array.from({ length: 60 }, (_, index) => ({ f0: index, f1: index % 7, f2: -index }));
const uris = {
  models: 'modelyard://models',
  model: 'modelyard://models/linear',
  version: 'modelyard://models/linear/versions/1',
  health: 'modelyard://models/linear/health',
  drift: 'modelyard://models/linear/drift/latest',
  rollouts: 'modelyard://rollouts',
  alerts: 'modelyard://alerts',
};

for (const { name, skipped, open } of stores)
  describe.skipIf(skipped)(`subscriptions ${name}`, () => {
    let scratch: Scratch;
    let store: TestStore;
    /** The one whose client listens, and another process on the same store. */
    let listening: TestServer;
    let changing: TestServer;
    let told: string[] = [];
    beforeAll(async () => {
      scratch = scratchDirectory();
      store = await open();
      const settings = { ...store.settings, MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' };
      listening = await startServer({ directory: scratch.path, settings });
      changing = await startServer({ directory: scratch.path, settings });
      await changing.call('deploy_model', { ...given, version: '1' });
      listening.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        told.push(params.uri);
      });
      for (const uri of Object.values(uris)) await listening.client.subscribeResource({ uri });
    }, 120_000);
    beforeEach(() => {
      told = [];
    });
    afterAll(async () => {
      await Promise.all([listening.close(), changing.close()]);
      await store.drop();
      scratch.remove();
    });
    const tells = (...expected: string[]) =>
      until(`to be told of ${expected}`, () => expected.every((uri) => told.includes(uri)));

    it('tell of what another process changes, and of nothing else', async () => {
      // A call that is answered changes nothing that would be told.
      await changing.call('predict', { model_id: 'linear', inputs: [{ f0: 1, f1: 2, f2: 3 }] });
      await changing.call('update_model', { model_id: 'linear', description: 'A line.' });
      await tells(uris.models, uris.model, uris.version);
      expect(told).not.toContain(uris.rollouts);
      expect(told).not.toContain(uris.alerts);
      expect(told).not.toContain(uris.drift);
    });

    it('tell of health, of rollouts, of drift, of alerts', async () => {
      await changing.call('deploy_model', { ...given, version: '2', set_active: false });
      await tells(uris.model, uris.health);
      const { rollout_id } = await changing.call('start_rollout', { model_id: 'linear', version: '2' });
      await tells(uris.rollouts);
      await changing.call('control_rollout', { rollout_id, action: 'abort', reason: 'it was told' });
      const facts = JSON.stringify({ rows: 100, checked: 3, drifted: 0, columns: [] });
      await withDatabase(
        scratch.path,
        async (database) => {
          await database
            .insertInto('latest_measurements')
            .values({ model_id: 'linear', version: '1', kind: 'drift', at: Date.now(), facts })
            .execute();
          await database
            .insertInto('alerts')
            .values({
              alert_id: 'one',
              alert_group: 'errors:linear:1',
              cause: 'errors',
              model_id: 'linear',
              version: '1',
              severity: 'critical',
              state: 'open',
              rules: '["error_rate"]',
              summary: 'Half of the calls fail.',
              facts: '{}',
              clean_rounds: 0,
              opened_at: Date.now(),
              last_firing_at: Date.now(),
              acknowledged_at: null,
              acknowledged_by: null,
              note: null,
              resolved_at: null,
            })
            .execute();
        },
        store.databaseUrl,
      );
      await tells(uris.drift, uris.alerts);
      // Answers about the model tell of it in a line, until somebody has dealt with it.
      const line = '1 open | critical, version 1: Half of the calls fail.';
      const asked = { model_id: 'linear' };
      expect((await changing.call('get_model', asked)).alerts).toBe(line);
      expect((await changing.call('health_check', asked)).alerts).toBe(line);
      expect((await changing.call('health_check')).alerts).toBeUndefined();
      expect((await changing.call('get_performance', asked)).alerts).toBe(line);
      const compared = await changing.call('detect_drift', {
        ...asked,
        current_data: sixty,
        reference_data: sixty,
      });
      expect(compared.alerts).toBe(line);
      told = [];
      await changing.call('acknowledge_alert', { alert_id: 'one' });
      await tells(uris.alerts, uris.model);
      expect((await changing.call('get_model', asked)).alerts).toBeUndefined();
    });

    it('end where the client ends them', async () => {
      await listening.client.unsubscribeResource({ uri: uris.models });
      await changing.call('update_model', { model_id: 'linear', description: 'Another line.' });
      await tells(uris.model);
      expect(told).not.toContain(uris.models);
      await listening.client.unsubscribeResource({ uri: 'modelyard://models/never' });
    });

    it('refuse what there is not, or what never changes', async () => {
      for (const [uri, says] of [
        ['modelyard://models/linaer', 'Did you mean linear?'],
        ['modelyard://models/linear/versions/9', 'linear has no version 9'],
        ['modelyard://nothing', 'There is no resource of that form'],
        ['file:///etc/passwd', 'Files do not change'],
      ] as const)
        await expect(listening.client.subscribeResource({ uri }), uri).rejects.toMatchObject({
          code: -32002,
          message: expect.stringContaining(says),
        });
    });

    it('tell that a model is gone', async () => {
      for (const version of ['2', '1']) {
        await changing.call('retire_model', { model_id: 'linear', version, force: true });
        await changing.call('promote_model', { model_id: 'linear', version, target_stage: 'archived' });
      }
      const { confirm } = await changing.call('delete_model', { model_id: 'linear', dry_run: true });
      await tells(uris.model);
      told = [];
      await changing.call('delete_model', { model_id: 'linear', confirm });
      await tells(uris.model, uris.version);
      await expect(listening.client.readResource({ uri: uris.model })).rejects.toMatchObject({
        code: -32002,
      });
    });
  });

it('over HTTP are not offered', async () => {
  const http = await startHttpServer();
  const { client } = await connectHttp(http.url);
  expect(client.getServerCapabilities()?.resources).toEqual({});
  await client.close();
  await http.close();
});
