import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createToken, startHttpServer, type TestHttpServer } from '../http/http_server.ts';
import { connectHttp } from '../http/mcp/connect_http.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { withDatabase } from './registry_tables.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const source = testModel('linear_float32');
const rows = Array.from({ length: 60 }, (_, index) => ({ f0: index, f1: index % 7, f2: -index }));
const others = Array.from({ length: 105 }, (_, index) => `other_${String(index).padStart(3, '0')}`);

const member = z.record(z.string(), z.unknown());
async function read(client: Client, uri: string) {
  const {
    contents: [content],
  } = await client.readResource({ uri });
  expect(content).toMatchObject({ uri, mimeType: 'application/json' });
  return member.parse(JSON.parse(content !== undefined && 'text' in content ? content.text : ''));
}

for (const { name, skipped, open } of stores)
  describe.skipIf(skipped)(`resources ${name}`, () => {
    let scratch: Scratch;
    let store: TestStore;
    let server: TestServer;
    let http: TestHttpServer;
    let overHttp: Client;
    const clients = (): [string, Client][] => [
      ['stdio', server.client],
      ['HTTP', overHttp],
    ];
    beforeAll(async () => {
      scratch = scratchDirectory();
      store = await open();
      server = await startServer({ directory: scratch.path, settings: store.settings });
      const given = { model_id: 'linear', source };
      await server.call('deploy_model', {
        ...given,
        version: '1',
        description: 'Not for prices below zero.',
        metrics: { rmse: 0.25 },
      });
      await server.call('register_model', { ...given, version: '2', parent_version: '1' });
      await server.call('promote_model', { model_id: 'linear', version: '1', target_stage: 'staging' });
      await server.call('update_model', { model_id: 'linear', aliases: { champion: '1' } });
      await server.call('predict', { model_id: 'linear', inputs: rows });
      const rowsOfModels = others.map((model_id) => ({
        model_id,
        created_at: Date.now(),
        revision: 1,
        description: null,
        tags: null,
      }));
      await withDatabase(
        scratch.path,
        (database) => database.insertInto('models').values(rowsOfModels).execute(),
        store.databaseUrl,
      );
      const viewer = createToken(scratch.path, 'viewer', 'viewer', store.settings);
      http = await startHttpServer({
        directory: scratch.path,
        settings: store.settings,
        flags: ['--workers', '2'],
      });
      ({ client: overHttp } = await connectHttp(http.url, viewer));
    }, 240_000);
    afterAll(async () => {
      await overHttp.close();
      await Promise.all([server.close(), http.close()]);
      await store.drop();
      scratch.remove();
    });

    it('are listed a page at a time, each model once, and each can be read', async () => {
      for (const [way, client] of clients()) {
        const uris: string[] = [];
        let cursor: string | undefined;
        let pages = 0;
        do {
          const page = await client.listResources(cursor === undefined ? {} : { cursor });
          expect(page.resources.length, way).toBeLessThanOrEqual(100);
          uris.push(...page.resources.map(({ uri }) => uri));
          cursor = page.nextCursor;
          pages += 1;
        } while (cursor !== undefined);
        expect(pages, way).toBe(2);
        expect(uris, way).toEqual([
          'modelyard://models',
          'modelyard://rollouts',
          'modelyard://alerts',
          ...['linear', ...others].map((id) => `modelyard://models/${id}`),
        ]);
        for (const uri of uris.slice(0, 5)) await read(client, uri);
        await expect(client.listResources({ cursor: 'bm9uZQ' })).rejects.toMatchObject({
          code: -32602,
          message: expect.stringContaining('cursor is not one that resources/list gave'),
        });
      }
    });

    it('have templates whose arguments are completed', async () => {
      for (const [way, client] of clients()) {
        const { resourceTemplates } = await client.listResourceTemplates();
        const forms = resourceTemplates.map(({ uriTemplate }) => uriTemplate);
        expect(forms, way).toContain('modelyard://models/{model_id}/versions/{version}');
        const ref = {
          type: 'ref/resource' as const,
          uri: 'modelyard://models/{model_id}/versions/{version}',
        };
        const typed = async (name: string, value: string, known?: Record<string, string>) =>
          (
            await client.complete({
              ref,
              argument: { name, value },
              ...(known && { context: { arguments: known } }),
            })
          ).completion;
        expect(await typed('model_id', 'LIN'), way).toEqual({ values: ['linear'], total: 1, hasMore: false });
        expect(await typed('model_id', 'other'), way).toMatchObject({
          values: others.slice(0, 100),
          total: 105,
          hasMore: true,
        });
        expect(await typed('model_id', '%'), way).toMatchObject({ values: [], total: 0 });
        expect((await typed('version', '', { model_id: 'linear' })).values, way).toEqual(['2', '1']);
        expect((await typed('version', '', { model_id: 'nowhere' })).values, way).toEqual([]);
        expect((await typed('version', '')).values, way).toEqual([]);
        await expect(typed('nonsense', '')).rejects.toMatchObject({ code: -32602 });
      }
    });

    it('show all models, whatever page they are on', async () => {
      for (const [way, client] of clients()) {
        const first = await read(client, 'modelyard://models');
        expect(first, way).toMatchObject({ total: 106 });
        const { models, next } = z.looseObject({ models: z.array(member), next: z.string() }).parse(first);
        expect(models[0]).toMatchObject({
          model_id: 'linear',
          uri: 'modelyard://models/linear',
          versions_total: 2,
          production: null,
          active_version: '1',
        });
        const second = z
          .looseObject({ models: z.array(member), next: z.null() })
          .parse(await read(client, next));
        expect([...models, ...second.models].map(({ model_id }) => model_id)).toEqual(['linear', ...others]);
      }
    });

    it('say of a model what get_model says, and where more is', async () => {
      const { warnings: _, ...told } = await server.call('get_model', { model_id: 'linear' });
      for (const [way, client] of clients())
        expect(await read(client, 'modelyard://models/linear'), way).toMatchObject({
          ...told,
          open_alerts: { total: 0, alerts: [] },
          uris: {
            health: 'modelyard://models/linear/health',
            drift: 'modelyard://models/linear/drift/latest',
            versions: ['modelyard://models/linear/versions/2', 'modelyard://models/linear/versions/1'],
          },
        });
    });

    it('have a card of each version, by its name or an alias', async () => {
      for (const [way, client] of clients()) {
        const uri = 'modelyard://models/linear/versions/1';
        const card = await read(client, uri);
        expect(card, way).toMatchObject({
          uri,
          model: { model_id: 'linear', aliases: { champion: '1' } },
          version: {
            version: '1',
            stage: 'staging',
            metrics: { rmse: 0.25 },
            signature: { features: [{ name: 'f0' }, { name: 'f1' }, { name: 'f2' }] },
          },
          lineage: [{ parent: '1', child: '2' }],
          stage_history: [{ to_stage: 'staging' }],
          traffic: { active_version: '1' },
          health: { version: '1', circuit_breaker: { state: 'closed' } },
          drift: null,
          performance: { version: '1', outcomes: { answered_rows: 60 } },
          open_alerts: [],
          limits: { as_described: ['Not for prices below zero.'] },
        });
        const { uri: named, version } = await read(client, 'modelyard://models/linear/versions/champion');
        expect({ named, version }).toEqual({ named: uri, version: card.version });
        expect(await read(client, 'modelyard://models/linear/versions/2'), way).toMatchObject({
          version: { version: '2', stage: 'development', parent_version: '1' },
          health: null,
        });
      }
    });

    it('have health, drift, rollouts and alerts', async () => {
      for (const [way, client] of clients())
        expect(await read(client, 'modelyard://models/linear/health'), way).toMatchObject({
          models: [{ model_id: 'linear', version: '1' }],
        });
      const { rollout_id } = await server.call('start_rollout', {
        model_id: 'linear',
        version: '2',
        reason: 'to be read',
      });
      for (const [way, client] of clients()) {
        // The rollout deploys its candidate by itself, sooner or later than the first look.
        const health = await until('the candidate to be deployed', async () => {
          const found = await read(client, 'modelyard://models/linear/health');
          return JSON.stringify(found).includes('"version":"2"') ? found : undefined;
        });
        expect(health, way).toMatchObject({
          models: expect.arrayContaining([
            expect.objectContaining({ model_id: 'linear', version: '1' }),
            expect.objectContaining({ model_id: 'linear', version: '2' }),
          ]),
        });
        expect(await read(client, 'modelyard://models/linear/drift/latest'), way).toMatchObject({
          model_id: 'linear',
          versions: [],
          why: expect.stringContaining('set_reference_data'),
        });
        expect(await read(client, 'modelyard://rollouts'), way).toMatchObject({
          rollouts: [{ rollout_id, model_id: 'linear', version: '2' }],
        });
        expect(await read(client, 'modelyard://alerts'), way).toMatchObject({ next: null });
      }
      await server.call('control_rollout', { rollout_id, action: 'abort', reason: 'it was read' });
    });

    it('refuse what there is not, with what there is', async () => {
      const refused: [string, string][] = [
        ['modelyard://models/linaer', 'Did you mean linear?'],
        ['modelyard://models/linear/versions/9', 'linear has no version 9'],
        ['modelyard://models/linaer/drift/latest', 'Did you mean linear?'],
        ['modelyard://models/linaer/health', 'Did you mean linear?'],
        ['modelyard://model/linear', 'modelyard://models/{model_id}'],
        ['modelyard://models/linear/versions', 'There is no resource of that form'],
        ['modelyard://models/linear/', 'There is no resource of that form'],
        ['modelyard://models/..%2Fx', 'There is no resource of that form'],
        ['modelyard://rollouts?cursor=x', 'There is no resource of that form'],
        ['file:///etc/passwd', 'No answer of this session has a link'],
      ];
      for (const [way, client] of clients())
        for (const [uri, says] of refused)
          await expect(client.readResource({ uri }), `${way} ${uri}`).rejects.toMatchObject({
            code: -32002,
            message: expect.stringContaining(says),
            data: { uri },
          });
      await expect(
        server.client.readResource({ uri: 'modelyard://models?cursor=bm9uZQ' }),
      ).rejects.toMatchObject({ code: -32602 });
    });
  });
