import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { descriptions } from '../../src/http/open_api/descriptions.ts';
import { catalogue } from '../../tools/index.ts';
import { startServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { bearer, createToken, startHttpServer, type TestHttpServer } from './http_server.ts';

const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const operation = z.object({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  responses: z.record(z.string(), z.object({ description: z.string(), content: content.optional() })),
});
const openApi = z.object({
  openapi: z.literal('3.1.1'),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
});

interface Call {
  path?: Record<string, string>;
  body?: string | object;
  type?: string;
}
interface Example {
  /** Answered as the operation's first answer says. */
  good: Call;
  /** Refused, with one of these statuses. */
  bad?: Call & { status: number };
}

const row = { a: 1, b: 2, c: 3 };
const model = { id: 'linear' };
/** A call of every operation: who adds an operation adds one here. */
const examples: Record<string, Example> = {
  'get /v2/health/live': { good: {} },
  'get /v2/health/ready': { good: {} },
  'post /v1/models/{id}/predict': {
    good: { path: model, body: { inputs: [row], prediction_ids: ['one'] } },
    bad: { path: model, body: { inputs: [{ a: 1 }] }, status: 400 },
  },
  'post /v1/models/{id}/outcomes': {
    good: { path: model, body: { outcomes: [{ prediction_id: 'one', actual: 1 }] } },
    bad: { path: { id: 'none' }, body: { outcomes: [{ prediction_id: 'one', actual: 1 }] }, status: 404 },
  },
  'post /models/{id}/invocations': {
    good: { path: model, body: { dataframe_records: [row] } },
    bad: { path: model, body: 'a,b,c', type: 'text/plain', status: 415 },
  },
  'post /invocations': {
    good: { body: 'a,b,c\n1,2,3\n', type: 'text/csv' },
    bad: { body: { inputs: 1 }, status: 400 },
  },
  'get /ping': { good: {} },
  'get /health': { good: {} },
  'get /version': { good: {} },
  'put /v1/files/{name}': {
    good: { path: { name: 'rows.csv' }, body: 'a,b\n1,2\n', type: 'text/csv' },
    bad: { path: { name: '-' }, body: 'a', type: 'text/csv', status: 400 },
  },
  'get /v1/files': { good: {} },
  'get /v1/files/{name}': {
    good: { path: { name: 'rows.csv' } },
    bad: { path: { name: '-' }, status: 400 },
  },
  'delete /v1/files/{name}': {
    good: { path: { name: 'rows.csv' } },
    bad: { path: { name: '-' }, status: 400 },
  },
  'get /metrics': { good: {} },
  'get /v1/overview': { good: {} },
  'get /v1/overview/models': { good: {} },
  'get /v2': { good: {} },
  'post /v2/repository/index': { good: { body: { ready: true } }, bad: { body: '[', status: 400 } },
  ...Object.fromEntries(
    ['/v2/models/{model}', '/v2/models/{model}/versions/{version}'].flatMap((path): [string, Example][] => {
      const known = { model: 'linear', version: '1' };
      const unknown = { model: 'none', version: '1' };
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }];
      return [
        [`get ${path}`, { good: { path: known }, bad: { path: unknown, status: 404 } }],
        [`get ${path}/ready`, { good: { path: known }, bad: { path: unknown, status: 404 } }],
        [
          `post ${path}/infer`,
          {
            good: { path: known, body: { inputs } },
            bad: { path: known, body: { inputs: [] }, status: 400 },
          },
        ],
      ];
    }),
  ),
  'get /openapi.json': { good: {} },
};

describe('the OpenAPI document is true', () => {
  let [scratch, server]: [Scratch?, TestHttpServer?] = [];
  let token = '';
  let document: z.output<typeof openApi>;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  beforeAll(async () => {
    scratch = scratchDirectory();
    const stdio = await startServer({ directory: scratch.path });
    await stdio.call('deploy_model', {
      model_id: 'linear',
      version: '1',
      source: testModel('linear_float32'),
      feature_names: ['a', 'b', 'c'],
    });
    await stdio.close();
    token = createToken(scratch.path, 'everything', 'admin');
    server = await startHttpServer({ directory: scratch.path, flags: ['--model', 'linear'] });
    const response = await fetch(`${server.url}/openapi.json`, { headers: bearer(token) });
    const given: unknown = await response.json();
    document = openApi.parse(given);
    ajv.addSchema(z.record(z.string(), z.unknown()).parse(given), 'document');
  });
  afterAll(async () => {
    await server?.close();
    scratch?.remove();
  });

  const ask = (name: string, { path = {}, body, type = 'application/json' }: Call) => {
    const [method = '', template = ''] = name.split(' ');
    const url = template.replace(/\{(\w+)\}/g, (_, parameter: string) => path[parameter] ?? '');
    return fetch(`${server?.url}${url}`, {
      method: method.toUpperCase(),
      headers: { ...bearer(token), ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  };
  /** Holds an answer against what the document says of its status. */
  const hold = async (name: string, response: Response) => {
    const [method = '', path = ''] = name.split(' ');
    const described = document.paths[path]?.[method]?.responses[String(response.status)];
    const text = await response.text();
    if (described === undefined) throw new Error(`${name} answers ${response.status} ${text}`);
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    if (described.content === undefined) return;
    expect(Object.keys(described.content)).toContain(type);
    const pointer = ['paths', path, method, 'responses', String(response.status), 'content', type, 'schema']
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const validate = ajv.getSchema(`document#/${pointer}`);
    if (validate === undefined) throw new Error(`${name} has no schema`);
    const value: unknown = type === 'application/json' ? JSON.parse(text) : text;
    expect(validate(value), `${name}: ${text}: ${JSON.stringify(validate.errors)}`).toBe(true);
  };

  test('it has every operation, and every operation has an example here', () => {
    const names = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(names.toSorted()).toEqual(Object.keys(examples).toSorted());
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each(Object.entries(examples))('%s', async (name, { good, bad }) => {
    const response = await ask(name, good);
    expect(response.status, await response.clone().text()).toBeLessThan(300);
    await hold(name, response);
    if (bad === undefined) return;
    const refused = await ask(name, bad);
    expect(refused.status).toBe(bad.status);
    await hold(name, refused);
  });

  test('what it says of tokens is so', async () => {
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, { security }] of Object.entries(methods)) {
        const url = path.replace(/\{\w+\}/g, 'x');
        const response = await fetch(`${server?.url}${url}`, { method: method.toUpperCase() });
        await response.arrayBuffer();
        expect([path, response.status === 401]).toEqual([path, security.length > 0]);
      }
  });

  test('what is described is served', () => {
    const described = Object.keys(descriptions({ tool })).map((name) => {
      const [method = '', path = ''] = name.split(' ');
      return `${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`;
    });
    expect(described.toSorted()).toEqual(Object.keys(examples).toSorted());
  });
});

function tool(name: string) {
  const found = catalogue.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}
