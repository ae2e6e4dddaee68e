import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseEngines } from '../src/engine_settings.ts';
import { SettingsError } from '../src/errors.ts';
import { readSettings } from '../src/settings.ts';
import { makeCertificate } from './http/certificate.ts';
import { temporaryDirectory } from './temporary.ts';

const { certFile: certificates } = makeCertificate(temporaryDirectory(), 'own');
/** As a header names a variable of the environment. */
const variable = (name: string) => `\${${name}}`;
const one = (engine: unknown, name = 'triton') => JSON.stringify({ [name]: engine });
const triton = { type: 'open_inference', url: 'http://triton:8000', models: 'pushed' };

test('without a setting there is the embedded engine only', () => {
  expect(readSettings({})).toMatchObject({ engines: [], defaultEngine: 'embedded' });
});

test('an engine has what is said of it, with secrets out of the environment', () => {
  const text = JSON.stringify({
    triton: {
      ...triton,
      url: 'https://triton:8000/a/',
      headers: { Authorization: `Bearer ${variable('TOKEN')}` },
      ca_file: certificates,
    },
    mlserver: {
      ...triton,
      models: { folder: '/models', implementation: 'onnx_runtime.OnnxRuntime' },
      binary_tensors: false,
    },
    kserve: { ...triton, models: { served: { name: '{model_id}-{sha256}' } }, protocol: 'rest' },
    peer: { ...triton, models: 'served' },
  });
  expect(parseEngines(text, { TOKEN: 'hidden' })).toEqual([
    {
      name: 'triton',
      url: 'https://triton:8000/a',
      protocol: 'rest',
      headers: { Authorization: 'Bearer hidden' },
      caFile: certificates,
      models: { kind: 'pushed' },
      binaryTensors: undefined,
    },
    {
      name: 'mlserver',
      url: 'http://triton:8000',
      protocol: 'rest',
      headers: {},
      caFile: undefined,
      models: { kind: 'folder', folder: '/models', implementation: 'onnx_runtime.OnnxRuntime' },
      binaryTensors: false,
    },
    expect.objectContaining({ models: { kind: 'served', name: '{model_id}-{sha256}', version: undefined } }),
    expect.objectContaining({ models: { kind: 'served', name: '{model_id}', version: '{version}' } }),
  ]);
});

describe('what is wrong is named, and no value of a header', () => {
  test.each([
    ['no JSON', '{', /must be JSON/],
    ['another type', one({ ...triton, type: 'seldon' }), /triton\.type must be "open_inference"/],
    ['another protocol', one({ ...triton, protocol: 'http' }), /triton\.protocol must be "rest" or "grpc"/],
    [
      'gRPC below a path',
      one({ ...triton, protocol: 'grpc', url: 'http://a:8001/b' }),
      /triton\.url must have no path with the protocol grpc/,
    ],
    [
      'a header that gRPC has for bytes',
      one({ ...triton, protocol: 'grpc', headers: { 'a-bin': 'x' } }),
      /triton\.headers\.a-bin cannot be sent/,
    ],
    ['an address with a password', one({ ...triton, url: 'http://a:b@c' }), /triton\.url must be an http/],
    ['an unknown member', one({ ...triton, uri: 'x' }), /triton has the unknown member uri/],
    ['no models', one({ ...triton, models: undefined }), /triton\.models must be "pushed"/],
    [
      'one model for all versions',
      one({ ...triton, models: { served: { name: '{model_id}' } } }),
      /\{version\} or \{sha256\}/,
    ],
    [
      'a folder that is relative',
      one({ ...triton, models: { folder: 'a', implementation: 'b' } }),
      /absolute/,
    ],
    ['a name in capitals', one(triton, 'Triton'), /small letters/],
    ['the name of the embedded engine', one(triton, 'embedded'), /every server has/],
    [
      'certificates that are not there',
      one({ ...triton, url: 'https://a', ca_file: '/nowhere/ca.pem' }),
      /ca_file cannot be read \(ENOENT\)/,
    ],
    [
      'certificates that are none',
      one({ ...triton, url: 'https://a', ca_file: fileURLToPath(import.meta.url) }),
      /ca_file has no certificate in PEM/,
    ],
    [
      'certificates without TLS',
      one({ ...triton, ca_file: certificates }),
      /ca_file is of use with an https:/,
    ],
    [
      'a variable that is not set',
      one({ ...triton, headers: { a: `${variable('NOWHERE')} s3cret` } }),
      /triton\.headers\.a names the environment variable NOWHERE/,
    ],
    ['a header of two lines', one({ ...triton, headers: { a: 's3cret\n' } }), /its value is not shown/],
  ])('%s', (_, text, said) => {
    const read = () => readSettings({ MODELYARD_ENGINES: text });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(said);
    expect(read).not.toThrow(/s3cret/);
  });

  test('a default that is not among them', () => {
    const settings = { MODELYARD_ENGINES: one(triton), MODELYARD_ENGINE: 'tritone' };
    expect(() => readSettings(settings)).toThrow(/MODELYARD_ENGINE="tritone" .* embedded, triton/);
    expect(readSettings({ ...settings, MODELYARD_ENGINE: 'triton' }).defaultEngine).toBe('triton');
  });
});
