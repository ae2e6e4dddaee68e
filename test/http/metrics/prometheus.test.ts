import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { startServer, type TestServer } from '../../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../../e2e/environment.ts';
import { until } from '../../e2e/until.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from '../http_server.ts';

const prometheus = process.env.MODELYARD_TEST_PROMETHEUS;
if (prometheus === undefined)
  process.stderr.write(
    'Skipped: the scrape by a real Prometheus, since MODELYARD_TEST_PROMETHEUS names none.\n',
  );

const guide = readFileSync(new URL('../../../docs/HTTP_GUIDE.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, text = '']) => text);
const queries = blocks('promql').join('').trim().split('\n');

const configuration = z.object({
  scrape_configs: z.array(
    z.looseObject({
      authorization: z.object({ credentials_file: z.string() }),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })),
    }),
  ),
});

const answerSchema = z.object({
  status: z.literal('success'),
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

const settings = { HEALTH_CHECK_INTERVAL_SEC: '1' };

describe.skipIf(prometheus === undefined)('a real Prometheus', () => {
  let scratch: Scratch;
  let operator: TestServer;
  let server: TestHttpServer;
  let process: ChildProcess;
  let address = '';
  let token = '';
  let isLoading = true;
  let loading: Promise<void>;

  const predict = (model: string, inputs: object[]) =>
    fetch(`${server.url}/v1/models/${model}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(token) },
      body: JSON.stringify({ inputs }),
    });

  beforeAll(async () => {
    scratch = scratchDirectory();
    operator = await startServer({ directory: scratch.path, settings });
    const source = testModel('fails_run');
    await operator.call('deploy_model', { model_id: 'm', version: '1', source });
    await operator.call('set_reference_data', {
      model_id: 'm',
      data: Array.from({ length: 60 }, (_, row) => ({ x: row / 10 })),
    });
    token = createToken(scratch.path, 'caller', 'client');
    server = await startHttpServer({ directory: scratch.path, settings, flags: ['--workers', '2'] });
    // As the guide has it, but for the names of this machine and with less patience.
    const [given = ''] = blocks('yaml');
    const read = configuration.parse(parse(given));
    const [job] = read.scrape_configs;
    if (job === undefined) throw new Error('the guide has no scrape configuration');
    const file = join(scratch.path, 'modelyard.token');
    writeFileSync(file, createToken(scratch.path, 'prometheus', 'viewer'));
    job.authorization.credentials_file = file;
    job.static_configs = [{ targets: [new URL(server.url).host] }];
    const config = join(scratch.path, 'prometheus.yml');
    writeFileSync(config, stringify({ global: { scrape_interval: '2s', scrape_timeout: '2s' }, ...read }));
    process = spawn(
      prometheus ?? '',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(scratch.path, 'prometheus')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    process.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    address = await until(
      'Prometheus listens',
      () => /address=(127\.0\.0\.1:[1-9]\d*)/.exec(said)?.[1],
      60_000,
    );
    // The first scrape must see the counts before they grow, as that of a Prometheus that runs always does.
    await predict('m', [{ x: 101 }]);
    loading = (async () => {
      for (let round = 0; isLoading; round++) {
        await predict('m', [{ x: round % 2 }]);
        await predict('m', [{ x: 101 }]);
      }
    })();
  });
  afterAll(async () => {
    isLoading = false;
    await loading;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill();
    await ended;
    await server.close();
    await operator.close();
    scratch.remove();
  });

  const ask = async (query: string) => {
    const response = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(query)}`);
    return answerSchema.parse(await response.json()).data.result;
  };

  test('is told five queries by the guide', () => {
    expect(queries).toHaveLength(5);
  });

  test('reaches the server with its token', async () => {
    // The first scrapes of a busy machine may take longer than Prometheus waits.
    await until(
      'a scrape',
      async () => (await ask('up')).some(({ value: [, text] }) => text === '1'),
      60_000,
    );
  });

  test.each(queries)('answers %s', async (query) => {
    const found = await until(
      'an answer with a number above zero',
      async () => {
        const all = await ask(query);
        return all.some(({ value: [, text] }) => Number(text) > 0) && all;
      },
      90_000,
    );
    expect(found.every(({ value: [, text] }) => Number(text) >= 0)).toBe(true);
    expect(found.map(({ metric }) => metric.model)).toContain('m');
  });
});
