import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { askedGames, learned } from '../../e2e/nba.ts';
import { createToken } from '../http_server.ts';
import { type Served, serveModels } from './served.ts';

/** A Python that has requirements.txt of this folder. */
const python = process.env.MODELYARD_TEST_TRITONCLIENT_PYTHON;
if (python === undefined)
  process.stderr.write(
    'Skipped: the tests with tritonclient, since MODELYARD_TEST_TRITONCLIENT_PYTHON names no Python that has it.\n',
  );

const results = z.record(z.string(), z.unknown());

/** What an unmodified tritonclient finds, check by check. */
function callByTritonclient(server: Served, token: string): Promise<Record<string, unknown>> {
  const script = fileURLToPath(new URL('call_by_tritonclient.py', import.meta.url));
  const called = promisify(execFile)(python ?? '', [script, server.url, `127.0.0.1:${server.grpcPort}`], {
    maxBuffer: 10_000_000,
  });
  const { label, probabilities } = learned.v1;
  const given = {
    token,
    features: askedGames.map((game) => Object.values(game)),
    labels: label,
    probabilities,
  };
  called.child.stdin?.end(JSON.stringify(given));
  return called.then(({ stdout }) => results.parse(JSON.parse(stdout)));
}

describe.skipIf(python === undefined).each([1, 2])(
  'an unmodified tritonclient, with %i workers',
  (workers) => {
    let server: Served;
    let token = '';
    beforeAll(async () => {
      server = await serveModels({ flags: ['--workers', String(workers)] }, (directory) => {
        token = createToken(directory, 'tritonclient', 'client');
      });
    }, 120_000);
    afterAll(() => server.close());

    test('calls every model over HTTP and gRPC, as JSON and as bytes', async () => {
      const found = await callByTritonclient(server, token);
      expect(Object.keys(found).length).toBeGreaterThan(40);
      expect(Object.entries(found).filter(([, result]) => result !== true)).toEqual([]);
    }, 240_000);
  },
);
