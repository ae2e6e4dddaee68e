import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageType } from '../../../src/open_inference/protobuf.ts';
import { createToken } from '../http_server.ts';
import { type GrpcClient, grpcClient, type Message } from './grpc_client.ts';
import { type Served, serveModels } from './served.ts';

let server: Served;
let client: GrpcClient;
let token = '';
beforeAll(async () => {
  server = await serveModels({}, (directory) => {
    token = createToken(directory, 'grpc', 'client');
  });
  client = grpcClient(server.grpcPort);
});
afterAll(async () => {
  client.close();
  await server.close();
});

const sixteen = (value: (index: number) => number) => Array.from({ length: 16 }, (_, index) => value(index));
const input = (name: string, data: number[]) => ({
  name,
  datatype: 'INT32',
  shape: [1, 16],
  contents: { int_contents: data },
});
const addSub = {
  model_name: 'add_sub',
  id: 'seven',
  inputs: [
    input(
      'INPUT0',
      sixteen((index) => index),
    ),
    input(
      'INPUT1',
      sixteen(() => 100),
    ),
  ],
};

test('tensors that come as lists are answered as lists', async () => {
  expect(await client.call('ModelInfer', addSub, { token })).toMatchObject({
    model_name: 'add_sub',
    model_version: '1',
    id: 'seven',
    outputs: [
      {
        name: 'OUTPUT0',
        datatype: 'INT32',
        shape: ['1', '16'],
        contents: { int_contents: sixteen((index) => index + 100) },
      },
      { name: 'OUTPUT1', contents: { int_contents: sixteen((index) => index - 100) } },
    ],
    raw_output_contents: [],
    parameters: {
      route: { string_param: 'active' },
      prediction_ids: { string_param: expect.stringMatching(/^\["/) },
    },
  });
});

test('64-bit integers come back with every digit', async () => {
  const call = {
    model_name: 'identity_int64',
    inputs: [
      {
        name: 'value',
        datatype: 'INT64',
        shape: [2, 1],
        contents: { int64_contents: ['9007199254740993', '-9223372036854775808'] },
      },
    ],
  };
  expect(await client.call('ModelInfer', call, { token })).toMatchObject({
    outputs: [{ contents: { int64_contents: ['9007199254740993', '-9223372036854775808'] } }],
  });
});

describe('what goes wrong has its status, and our code beside it', () => {
  const endless = {
    model_name: 'slow_run',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [1e9] } }],
  };
  test.each<[string, string, Message, string, string | undefined]>([
    ['an unknown model', 'ModelMetadata', { name: 'nobody' }, 'NOT_FOUND', 'MODEL_NOT_FOUND'],
    [
      'an unknown version',
      'ModelReady',
      { name: 'add_sub', version: 'v9' },
      'NOT_FOUND',
      'VERSION_NOT_FOUND',
    ],
    [
      'a missing input',
      'ModelInfer',
      { ...addSub, inputs: addSub.inputs.slice(1) },
      'INVALID_ARGUMENT',
      'SIGNATURE_MISMATCH',
    ],
    ['no input', 'ModelInfer', { model_name: 'add_sub' }, 'INVALID_ARGUMENT', 'INVALID_INPUT'],
    [
      'a sequence',
      'ModelInfer',
      { ...addSub, parameters: { sequence_id: { int64_param: '3' } } },
      'INVALID_ARGUMENT',
      'INVALID_INPUT',
    ],
    [
      'a timeout of its own',
      'ModelInfer',
      { ...endless, parameters: { timeout: { int64_param: '100000' } } },
      'DEADLINE_EXCEEDED',
      'TIMEOUT',
    ],
  ])('%s', async (_, method, message, status, code) => {
    expect(await client.call(method, message, { token })).toMatchObject({ status, code });
  });

  test('a call without a token, with another, and one that its token may not make', async () => {
    const viewer = createToken(server.directory, 'viewer', 'viewer');
    expect(await client.call('ServerLive', {})).toEqual({ live: true });
    expect(await client.call('ServerMetadata', {})).toMatchObject({ status: 'UNAUTHENTICATED' });
    expect(await client.call('ModelInfer', addSub, { token: 'nobody' })).toMatchObject({
      status: 'UNAUTHENTICATED',
    });
    expect(await client.call('ServerMetadata', {}, { token: viewer })).toMatchObject({ name: 'modelyard' });
    expect(await client.call('ModelInfer', addSub, { token: viewer })).toMatchObject({
      status: 'PERMISSION_DENIED',
      code: 'PERMISSION_DENIED',
    });
  });

  test('a message that is larger than it may be', async () => {
    const call = {
      model_name: 'identity_string',
      inputs: [
        {
          name: 'value',
          datatype: 'BYTES',
          shape: [1, 1],
          contents: { bytes_contents: [Buffer.alloc(33_000_000, 97)] },
        },
      ],
    };
    expect(await client.call('ModelInfer', call, { token })).toMatchObject({ status: 'RESOURCE_EXHAUSTED' });
  });

  test('a client that no longer waits', async () => {
    expect(await client.call('ModelInfer', endless, { token, deadlineMs: 300 })).toMatchObject({
      status: 'DEADLINE_EXCEEDED',
    });
    expect(await client.call('ModelInfer', addSub, { token })).toMatchObject({ model_name: 'add_sub' });
  });
});

test('the end: health says so, calls under way are answered, the process ends by itself', async () => {
  const own = await serveModels();
  const caller = grpcClient(own.grpcPort);
  const response = messageType('grpc.health.v1.HealthCheckResponse');
  const statuses: unknown[] = [];
  const watch = caller.client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    (message: Message) => messageType('grpc.health.v1.HealthCheckRequest').encode(message),
    (bytes: Buffer) => response.decode(bytes),
    { service: '' },
  );
  const serving = new Promise((resolve) => watch.once('data', resolve));
  watch.on('data', ({ status }: Message) => statuses.push(status));
  const watchEnded = new Promise((resolve) => watch.once('end', resolve));
  watch.on('error', () => undefined);
  await serving;
  const slow = {
    model_name: 'slow_run',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [20_000] } }],
  };
  const answers = [
    caller.call('ModelInfer', slow),
    caller.call('ModelInfer', slow),
    caller.call('ServerReady', {}),
  ];
  // The last has been answered, so that the first are under way.
  expect(await answers[2]).toEqual({ ready: true });
  own.process.kill('SIGTERM');
  for (const answer of await Promise.all(answers.slice(0, 2)))
    expect(answer).toMatchObject({ outputs: [{ contents: { fp32_contents: [20_000] } }] });
  await watchEnded;
  expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
  expect(await own.ended).toBe(0);
  caller.close();
  await own.close();
});
