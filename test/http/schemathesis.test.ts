import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from './http_server.ts';

/** The executable of schemathesis, which makes calls of all kinds from an OpenAPI document. */
const schemathesis = process.env.MODELYARD_TEST_SCHEMATHESIS;
/** Calls of each operation and kind. */
const examples = process.env.FUZZ_EXAMPLES ?? '30';
const configuration = join(import.meta.dirname, 'schemathesis.toml');
/** What must hold of every answer; whether a call that fits the schema is taken is the model's to say. */
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];

let [scratch, server]: [Scratch?, TestHttpServer?] = [];
beforeAll(async () => {
  if (schemathesis === undefined) return;
  scratch = scratchDirectory();
  const stdio = await startServer({ directory: scratch.path });
  for (const [model_id, model, feature_names] of [
    ['linear', 'linear_float32', ['a', 'b', 'c']],
    ['words', 'identity_string', undefined],
  ] as const)
    await stdio.call('deploy_model', { model_id, version: '1', source: testModel(model), feature_names });
  await stdio.close();
  server = await startHttpServer({ directory: scratch.path, flags: ['--model', 'linear'] });
});
afterAll(async () => {
  await server?.close();
  scratch?.remove();
});

test.skipIf(schemathesis === undefined)(
  'no call that schemathesis makes ends in a failure of the server, or in an answer that the OpenAPI document does not have',
  async () => {
    const { url, directory, process: running } = server ?? (await startHttpServer());
    const { authorization = '' } = bearer(createToken(directory, 'fuzz', 'admin'));
    const fuzz = promisify(execFile)(
      schemathesis ?? '',
      [
        ...['--config-file', configuration, 'run', `${url}/openapi.json`, '--no-color'],
        ...['--header', `Authorization: ${authorization}`, '--checks', checks.join(','), '--seed', '1'],
        ...['--max-examples', examples, '--generation-database', 'none', '--phases', 'coverage,fuzzing'],
        '--continue-on-failure',
      ],
      { cwd: directory, maxBuffer: 100_000_000 },
    );
    const said = await fuzz.then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }: { stdout: string; stderr: string }) =>
        Promise.reject(new Error(`${stdout.slice(-8000)}${stderr.slice(-2000)}`)),
    );
    expect(said).toMatch(/\d+ generated/);
    expect(running.exitCode).toBeNull();
    expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200);
  },
  900_000,
);
