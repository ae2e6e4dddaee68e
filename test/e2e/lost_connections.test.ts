import pg from 'pg';
import { expect, test } from 'vitest';
import { scratchDirectory, testModel } from './environment.ts';
import { handshake, type RawServer, startRaw, toolCall } from './raw_server.ts';
import { stores } from './stores.ts';

const codeOf = ({ result }: Awaited<ReturnType<RawServer['answer']>>) => {
  const content = Object(result?.structuredContent);
  return result?.isError ? `${content.error.code} ${content.error.retryable}` : 'done';
};

for (const { name, kind, skipped, open } of stores)
  if (kind === 'postgresql')
    test.skipIf(skipped)(
      `connections that break under load cost errors, not the server, ${name}`,
      async () => {
        const scratch = scratchDirectory();
        const store = await open();
        const admin = new pg.Client({ connectionString: store.databaseUrl });
        await admin.connect();
        const server = startRaw({ directory: scratch.path, settings: store.settings });
        let lastId = 0;
        const ask = (tool: string, given: Record<string, unknown>) => {
          const id = ++lastId;
          server.send(toolCall(id, tool, given));
          return server.answer(id);
        };
        const predict = () => ask('predict', { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] });
        try {
          server.send(...handshake);
          expect(
            codeOf(
              await ask('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') }),
            ),
          ).toBe('done');
          expect(codeOf(await predict())).toBe('done');
          const outcomes: string[] = [];
          let predictions = 1;
          let terminated = 0;
          for (let round = 0; round < 3; round++) {
            const calls = Array.from({ length: 40 }, (_, index) =>
              index % 4 === 0
                ? ask('update_model', { model_id: 'm', description: `${round} ${index}` })
                : index % 4 === 1
                  ? ask('get_model', { model_id: 'm' })
                  : predict().then((reply) => {
                      if (codeOf(reply) === 'done') predictions++;
                      return reply;
                    }),
            );
            // Half of them are under way: sessions in use break too, not only those at rest.
            await Promise.any(calls);
            const { rowCount } = await admin.query(
              'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
            );
            terminated += rowCount ?? 0;
            for (const reply of await Promise.all(calls)) outcomes.push(codeOf(reply));
          }
          expect(terminated).toBeGreaterThan(0);
          expect(
            outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'STORAGE_UNAVAILABLE true'),
          ).toEqual([]);
          // Afterwards everything works, and every prediction that was answered is in the log.
          expect(codeOf(await ask('update_model', { model_id: 'm', description: 'after' }))).toBe('done');
          expect(codeOf(await ask('list_predictions', { model_id: 'm' }))).toBe('done');
          const { rows } = await admin.query('select calls::int from serving_totals');
          expect(rows).toEqual([{ calls: predictions }]);
        } finally {
          server.process.stdin?.end();
          await server.ended;
          await admin.end();
          await store.drop();
          scratch.remove();
        }
      },
    );
