import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer, type ToolError, type ToolName } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';

const isWindows = process.platform === 'win32';

/** A server that may read `allowed` and the test models; `outside` is beside it. */
const scratch: Scratch = scratchDirectory();
const allowed = join(scratch.path, 'allowed');
const outside = join(scratch.path, 'outside');
const inAllowed = (name: string) => join(allowed, name);

let server: TestServer;
const goodRow = { f0: 1, f1: 2, f2: 3 };

beforeAll(async () => {
  mkdirSync(allowed);
  mkdirSync(outside);
  copyFileSync(testModel('linear_float32'), join(outside, 'model.onnx'));
  writeFileSync(join(outside, 'rows.csv'), 'f0,f1,f2\n1,2,3\n');
  writeFileSync(inAllowed('secret.onnx'), 'secret', { mode: 0o000 });
  writeFileSync(inAllowed('header_only.csv'), 'f0,f1,f2\n');
  writeFileSync(inAllowed('text_in_number.csv'), 'f0,f1,f2\n1,2,3\n1,two,3\n');
  writeFileSync(inAllowed('other_columns.csv'), 'a,b\n1,2\n');
  writeFileSync(inAllowed('ragged.csv'), 'f0,f1,f2\n1,2\n');
  if (!isWindows) {
    symlinkSync(join(outside, 'model.onnx'), inAllowed('link.onnx'));
    symlinkSync(outside, inAllowed('linked'));
    symlinkSync(join(allowed, 'nowhere.onnx'), inAllowed('dangling.onnx'));
    execFileSync('mkfifo', [inAllowed('fifo.onnx'), inAllowed('fifo.csv')]);
  }
  server = await startServer({
    directory: scratch.path,
    settings: {
      MODELYARD_ALLOWED_ROOTS: [allowed, realpathSync(join(testModel('text'), '..'))].join(delimiter),
    },
  });
  const deploy = (model_id: string, model: string, rest: object = {}) =>
    server.call('deploy_model', { model_id, version: '1', source: testModel(model), ...rest });
  await deploy('linear', 'linear_float32');
  await deploy('whole32', 'identity_int32');
  await deploy('whole64', 'identity_int64');
  await deploy('mixed', 'mixed_columns');
  await deploy('four', 'rows/fixed_rows_mixed');
  await deploy('image', 'image_like');
  await server.call('register_model', {
    model_id: 'linear',
    version: 'registered',
    source: testModel('linear_float32_b'),
  });
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

interface BadCall {
  what: string;
  tool: ToolName;
  given: Record<string, unknown>;
  code: string;
  /** What the message must say. */
  says?: RegExp;
  /** What the hint must say. */
  advises?: RegExp;
  skip?: boolean;
}

const predictLinear = (inputs: unknown) => ({ model_id: 'linear', inputs });
const register = (source: string, rest: object = {}) => ({ model_id: 'new', version: '1', source, ...rest });
const tensors = (name: string, datatype: string, shape: number[], data: unknown[]) => ({
  [name]: { datatype, shape, data },
});
const mixedRow = { age: 1, count: 2, flag: true, city: 'Oslo' };

const badCalls: BadCall[] = [
  // Arguments
  {
    what: 'an unknown argument',
    tool: 'predict',
    given: { model_id: 'linear', inputs: [goodRow], modle: 'x' },
    code: 'INVALID_INPUT',
    says: /Unknown argument modle/,
    advises: /model_id, inputs\?, tensors\?, version\?, outputs\?, prediction_ids\?, entity_key\?/,
  },
  {
    what: 'an unknown argument of a tool without any that are required',
    tool: 'health_check',
    given: { model: 'linear' },
    code: 'INVALID_INPUT',
    says: /Unknown argument model\./,
  },
  {
    what: 'an unknown key inside an argument',
    tool: 'deploy_model',
    given: register(testModel('linear_float32'), { probe: { inputs: [goodRow], expects: [4.75] } }),
    code: 'INVALID_INPUT',
    says: /Unknown argument expects in probe/,
  },
  {
    what: 'no model_id',
    tool: 'predict',
    given: { inputs: [goodRow] },
    code: 'INVALID_INPUT',
    says: /model_id is required/,
  },
  {
    what: 'a model_id with a path in it',
    tool: 'predict',
    given: { model_id: '../../etc/passwd', inputs: [goodRow] },
    code: 'INVALID_INPUT',
    says: /letters, digits/,
  },
  {
    what: 'a model_id that is no text',
    tool: 'get_model',
    given: { model_id: { name: 'linear' } },
    code: 'INVALID_INPUT',
    says: /model_id=/,
  },
  {
    what: 'text for true or false',
    tool: 'deploy_model',
    given: register(testModel('linear_float32'), { set_active: 'perhaps' }),
    code: 'INVALID_INPUT',
    says: /set_active="perhaps"/,
  },
  {
    what: 'an unknown stage',
    tool: 'promote_model',
    given: { model_id: 'linear', version: '1', target_stage: 'prod' },
    code: 'INVALID_INPUT',
    says: /target_stage="prod".*production/,
  },
  {
    what: 'inputs that are no JSON',
    tool: 'predict',
    given: predictLinear('[{"f0": 1,'),
    code: 'INVALID_INPUT',
    says: /inputs=/,
  },
  { what: 'no rows', tool: 'predict', given: predictLinear([]), code: 'INVALID_INPUT', says: /inputs/ },
  {
    what: 'rows that are arrays',
    tool: 'predict',
    given: predictLinear([[1, 2, 3]]),
    code: 'INVALID_INPUT',
    says: /object/,
  },
  {
    what: 'neither inputs nor tensors',
    tool: 'predict',
    given: { model_id: 'linear' },
    code: 'INVALID_INPUT',
    says: /exactly one of inputs and tensors; neither/,
  },
  {
    what: 'both inputs and tensors',
    tool: 'predict',
    given: { ...predictLinear([goodRow]), tensors: tensors('x', 'FP32', [1, 3], [1, 2, 3]) },
    code: 'INVALID_INPUT',
    says: /exactly one of inputs and tensors; both/,
  },
  {
    what: 'a limit of nothing',
    tool: 'search_models',
    given: { limit: 0 },
    code: 'INVALID_INPUT',
    says: /limit=0/,
  },
  {
    what: 'a cursor that is none',
    tool: 'search_models',
    given: { cursor: 'garbage' },
    code: 'INVALID_INPUT',
    says: /cursor/,
  },
  {
    what: 'an order that is none',
    tool: 'search_models',
    given: { order_by: 'version; drop table versions' },
    code: 'INVALID_INPUT',
    says: /order_by/,
  },

  // Files
  {
    what: 'a missing file',
    tool: 'deploy_model',
    given: register(inAllowed('missing.onnx')),
    code: 'INVALID_INPUT',
    says: /There is no file .*missing\.onnx/,
  },
  {
    what: 'a new version without source',
    tool: 'deploy_model',
    given: { model_id: 'linear', version: '7' },
    code: 'VERSION_NOT_FOUND',
    advises: /source/,
  },
  {
    what: 'a text file as model',
    tool: 'deploy_model',
    given: register(testModel('text')),
    code: 'ARTIFACT_INVALID',
  },
  {
    what: 'a model in training mode, whose every run changes the answers of the next',
    tool: 'deploy_model',
    given: register(testModel('rows/batch_norm_training')),
    code: 'ARTIFACT_INVALID',
    says: /training mode \(BatchNormalization\).*model\.eval\(\)/,
  },
  {
    what: 'a truncated ONNX file',
    tool: 'register_model',
    given: register(testModel('truncated')),
    code: 'ARTIFACT_INVALID',
    says: /it is cut off/,
    advises: /onnx\.checker/,
  },
  {
    what: 'random bytes as model',
    tool: 'register_model',
    given: register(testModel('random_bytes')),
    code: 'ARTIFACT_INVALID',
  },
  {
    what: 'an empty file as model',
    tool: 'register_model',
    given: register(testModel('zero_bytes')),
    code: 'ARTIFACT_INVALID',
    says: /empty/,
  },
  {
    what: 'a model whose loading kills its process',
    tool: 'deploy_model',
    given: register(testModel('crash_load')),
    code: 'ENGINE_CRASHED',
    skip: process.arch !== 'x64',
  },
  {
    what: 'a directory as model',
    tool: 'register_model',
    given: register(allowed),
    code: 'INVALID_INPUT',
    says: /not a regular file/,
    advises: /inside the directory/,
  },
  {
    what: 'a FIFO as model',
    tool: 'register_model',
    given: register(inAllowed('fifo.onnx')),
    code: 'INVALID_INPUT',
    says: /not a regular file/,
    skip: isWindows,
  },
  {
    what: 'a FIFO as CSV file',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('fifo.csv') },
    code: 'INVALID_INPUT',
    says: /not a regular file/,
    skip: isWindows,
  },
  {
    what: 'a link to nowhere as model',
    tool: 'register_model',
    given: register(inAllowed('dangling.onnx')),
    code: 'INVALID_INPUT',
    says: /There is no file/,
    skip: isWindows,
  },
  {
    what: 'a file that this user may not read',
    tool: 'register_model',
    given: register(inAllowed('secret.onnx')),
    code: 'INVALID_INPUT',
    says: /cannot be read/,
    advises: /permissions/,
    // Nothing is hidden from root.
    skip: process.getuid?.() === 0 || isWindows,
  },
  {
    what: 'a URL as model',
    tool: 'register_model',
    given: register('https://example.org/model.onnx'),
    code: 'INVALID_INPUT',
    says: /URL/,
  },
  {
    what: 'a path with a NUL in it',
    tool: 'register_model',
    given: register(`${inAllowed('model.onnx')}\0`),
    code: 'INVALID_INPUT',
  },
  {
    what: 'a model outside the allowed roots',
    tool: 'register_model',
    given: register(join(outside, 'model.onnx')),
    code: 'PATH_NOT_ALLOWED',
    advises: /MODELYARD_ALLOWED_ROOTS/,
  },
  {
    what: 'a missing file outside the allowed roots',
    tool: 'register_model',
    given: register(join(outside, 'missing.onnx')),
    code: 'PATH_NOT_ALLOWED',
  },
  {
    what: 'a way out of the allowed roots with ..',
    tool: 'register_model',
    given: register(`${allowed}/../outside/model.onnx`),
    code: 'PATH_NOT_ALLOWED',
  },
  {
    what: 'a link out of the allowed roots',
    tool: 'register_model',
    given: register(inAllowed('link.onnx')),
    code: 'PATH_NOT_ALLOWED',
    skip: isWindows,
  },
  {
    what: 'a linked directory out of the allowed roots',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('linked/rows.csv') },
    code: 'PATH_NOT_ALLOWED',
    skip: isWindows,
  },
  {
    what: 'a missing file in a linked directory out of the allowed roots',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('linked/missing.csv') },
    code: 'PATH_NOT_ALLOWED',
    skip: isWindows,
  },

  // Registration
  {
    what: 'other bytes under a version that exists',
    tool: 'register_model',
    given: { model_id: 'linear', version: '1', source: testModel('linear_float32_b') },
    code: 'VERSION_EXISTS',
    says: /other bytes/,
    advises: /new version/,
  },
  {
    what: 'other feature names for a version that exists',
    tool: 'deploy_model',
    given: {
      model_id: 'linear',
      version: '1',
      source: testModel('linear_float32'),
      feature_names: ['a', 'b', 'c'],
    },
    code: 'VERSION_EXISTS',
    says: /feature_names/,
  },
  {
    what: 'too few feature names',
    tool: 'register_model',
    given: register(testModel('linear_float32'), { feature_names: ['a', 'b'] }),
    code: 'SIGNATURE_MISMATCH',
    says: /2 names.*3 columns/,
  },
  {
    what: 'a feature name twice',
    tool: 'register_model',
    given: register(testModel('linear_float32'), { feature_names: ['a', 'b', 'a'] }),
    code: 'SIGNATURE_MISMATCH',
    says: /"a" is used twice/,
  },
  {
    what: 'too many class labels',
    tool: 'register_model',
    given: register(testModel('classifier_int'), { class_labels: ['a', 'b', 'c', 'd'] }),
    code: 'SIGNATURE_MISMATCH',
    says: /4 names.*3 classes/,
  },
  {
    what: 'a parent that is not there',
    tool: 'register_model',
    given: register(testModel('linear_float32'), { parent_version: '0' }),
    code: 'VERSION_NOT_FOUND',
    says: /parent_version=0/,
  },
  {
    what: 'metrics that are no numbers',
    tool: 'register_model',
    given: register(testModel('linear_float32'), { metrics: { accuracy: 'good' } }),
    code: 'INVALID_INPUT',
    says: /metrics\.accuracy="good"/,
  },
  {
    what: 'a probe that the model fails',
    tool: 'deploy_model',
    given: { model_id: 'linear', version: '1', probe: { inputs: [goodRow], expect: [5] } },
    code: 'GATE_FAILED',
    says: /row 0 gave 4\.75, but 5 was expected/,
  },
  {
    what: 'a probe with too few expected values',
    tool: 'deploy_model',
    given: { model_id: 'linear', version: '1', probe: { inputs: [goodRow, goodRow], expect: [4.75] } },
    code: 'INVALID_INPUT',
    says: /1 values for 2 rows/,
  },

  // Names
  {
    what: 'an unknown model with a near name',
    tool: 'predict',
    given: { model_id: 'liner', inputs: [goodRow] },
    code: 'MODEL_NOT_FOUND',
    says: /There is no model liner/,
    advises: /Did you mean linear\?/,
  },
  {
    what: 'an unknown model',
    tool: 'get_model',
    given: { model_id: 'zzzzzzzzzz' },
    code: 'MODEL_NOT_FOUND',
    advises: /^Existing models: .*linear/,
  },
  {
    what: 'an unknown model in health_check',
    tool: 'health_check',
    given: { model_id: 'liner' },
    code: 'MODEL_NOT_FOUND',
    advises: /Did you mean linear\?/,
  },
  {
    what: 'an unknown version',
    tool: 'predict',
    given: { ...predictLinear([goodRow]), version: '99' },
    code: 'VERSION_NOT_FOUND',
    says: /linear has no version 99/,
    advises: /Existing versions: .*1/,
  },
  {
    what: 'a version that is not deployed',
    tool: 'predict',
    given: { ...predictLinear([goodRow]), version: 'registered' },
    code: 'NOT_DEPLOYED',
    advises: /deploy_model/,
  },

  // Rows
  {
    what: 'a wrong feature name',
    tool: 'predict',
    given: predictLinear([goodRow, { f0: 1, f1: 2, g2: 3 }]),
    code: 'SIGNATURE_MISMATCH',
    says: /Row 1 .*missing f2; unknown g2/,
    advises: /f0 \(float32\), f1 \(float32\), f2 \(float32\)/,
  },
  {
    what: 'a missing feature',
    tool: 'predict',
    given: predictLinear([{ f0: 1, f1: 2 }]),
    code: 'SIGNATURE_MISMATCH',
    says: /missing f2/,
  },
  {
    what: 'a feature too many',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, toString: 1 }]),
    code: 'SIGNATURE_MISMATCH',
    says: /unknown toString/,
  },
  {
    what: 'NaN, which JSON makes null',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, f1: Number.NaN }]),
    code: 'SIGNATURE_MISMATCH',
    says: /Row 0, feature "f1".*null.*NaN/,
    advises: /missing value/,
  },
  {
    what: 'text for a float',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, f2: '3' }]),
    code: 'SIGNATURE_MISMATCH',
    says: /feature "f2": expected a finite number \(float32\), got "3"/,
  },
  {
    what: 'a number beyond float32',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, f2: 1e39 }]),
    code: 'SIGNATURE_MISMATCH',
    says: /got 1e\+39/,
  },
  {
    what: 'true for a float',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, f2: true }]),
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'a list for a float',
    tool: 'predict',
    given: predictLinear([{ ...goodRow, f2: [3] }]),
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'a whole number out of range',
    tool: 'predict',
    given: { model_id: 'whole32', inputs: [{ value: 2147483648 }] },
    code: 'SIGNATURE_MISMATCH',
    says: /from -2147483648 to 2147483647/,
  },
  {
    what: 'a fraction for a whole number',
    tool: 'predict',
    given: { model_id: 'whole32', inputs: [{ value: 1.5 }] },
    code: 'SIGNATURE_MISMATCH',
    says: /a whole number.*got 1\.5/,
  },
  {
    what: 'a number that a double does not tell from the next one, for int64',
    tool: 'predict',
    given: { model_id: 'whole64', inputs: [{ value: 2 ** 53 }] },
    code: 'SIGNATURE_MISMATCH',
    says: /beyond 2\^53 as text/,
  },
  {
    what: 'text beyond int64',
    tool: 'predict',
    given: { model_id: 'whole64', inputs: [{ value: '9223372036854775808' }] },
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'a fraction as text for int64',
    tool: 'predict',
    given: { model_id: 'whole64', inputs: [{ value: '1.5' }] },
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'a number for true or false',
    tool: 'predict',
    given: { model_id: 'mixed', inputs: [{ ...mixedRow, flag: 1 }] },
    code: 'SIGNATURE_MISMATCH',
    says: /true or false/,
  },
  {
    what: 'a number for text',
    tool: 'predict',
    given: { model_id: 'mixed', inputs: [{ ...mixedRow, city: 7 }] },
    code: 'SIGNATURE_MISMATCH',
    says: /expected text.*got 7/,
  },
  {
    what: '1001 rows',
    tool: 'predict',
    given: predictLinear(Array.from({ length: 1001 }, () => goodRow)),
    code: 'LIMIT_EXCEEDED',
    says: /1001 rows; at most 1000/,
    advises: /Split/,
  },
  {
    what: 'three rows for a batch of four that mixes them',
    tool: 'predict',
    given: { model_id: 'four', inputs: [1, 2, 3].map((f0) => ({ f0, f1: 0, f2: 0 })) },
    code: 'SIGNATURE_MISMATCH',
    says: /exactly 4 rows a call, but 3 were given\. Rows may change one another's answers \(Reshape\)/,
  },
  {
    what: 'records for a model of images',
    tool: 'predict',
    given: { model_id: 'image', inputs: [{ image: 1 }] },
    code: 'SIGNATURE_MISMATCH',
    advises: /tensors/,
  },

  // Tensors
  {
    what: 'a tensor of another shape',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [1, 4], [1, 2, 3, 4]) },
    code: 'SIGNATURE_MISMATCH',
    says: /shape \[1,4\], not \[-1,3\]/,
    advises: /x FP32\[-1,3\]/,
  },
  {
    what: 'a tensor of another rank',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [3], [1, 2, 3]) },
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'fewer elements than the shape says',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [2, 3], [1, 2, 3]) },
    code: 'SIGNATURE_MISMATCH',
    says: /3 elements.*means 6/,
  },
  {
    what: 'a tensor of another datatype',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP64', [1, 3], [1, 2, 3]) },
    code: 'SIGNATURE_MISMATCH',
    says: /FP64, not FP32/,
  },
  {
    what: 'a tensor of a datatype that is none',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'float32', [1, 3], [1, 2, 3]) },
    code: 'INVALID_INPUT',
    says: /tensors\.x\.datatype.*FP32/,
  },
  {
    what: 'a negative dimension',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [-1, 3], [1, 2, 3]) },
    code: 'INVALID_INPUT',
    says: /tensors\.x\.shape/,
  },
  {
    what: 'a dimension that no memory holds',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [900, 3_000_000_000], [1]) },
    code: 'SIGNATURE_MISMATCH',
  },
  {
    what: 'an unknown tensor',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('y', 'FP32', [1, 3], [1, 2, 3]) },
    code: 'SIGNATURE_MISMATCH',
    says: /missing tensor x; unknown tensor y/,
  },
  {
    what: 'text in a float tensor',
    tool: 'predict',
    given: { model_id: 'linear', tensors: tensors('x', 'FP32', [1, 3], [1, 'two', 3]) },
    code: 'SIGNATURE_MISMATCH',
    says: /element 1.*got "two"/,
  },
  {
    what: '1001 rows of tensors',
    tool: 'predict',
    given: {
      model_id: 'linear',
      tensors: tensors('x', 'FP32', [1001, 3], Array(3003).fill(0)),
    },
    code: 'LIMIT_EXCEEDED',
    says: /1001 rows/,
  },

  // Stages
  {
    what: 'an illegal transition',
    tool: 'promote_model',
    given: { model_id: 'linear', version: '1', target_stage: 'development' },
    code: 'ILLEGAL_TRANSITION',
    says: /in development already/,
  },
  {
    what: 'a transition of an unknown version',
    tool: 'promote_model',
    given: { model_id: 'linear', version: '2', target_stage: 'staging' },
    code: 'VERSION_NOT_FOUND',
  },
  {
    what: 'force without being admin',
    tool: 'promote_model',
    given: { model_id: 'linear', version: '1', target_stage: 'staging', force: true },
    code: 'PERMISSION_DENIED',
    says: /admin.*operator/,
  },
  {
    what: 'traffic for what is archived',
    tool: 'promote_model',
    given: { model_id: 'linear', version: '1', target_stage: 'archived', activate: true },
    code: 'INVALID_INPUT',
    says: /activate/,
  },

  // Drift
  {
    what: 'drift without reference',
    tool: 'detect_drift',
    given: { model_id: 'whole32', current_data: [{ value: 1 }] },
    code: 'NO_REFERENCE',
    advises: /set_reference_data/,
  },
  {
    what: 'drift over an empty window',
    tool: 'detect_drift',
    given: { model_id: 'linear', since: '2001-01-01T00:00:00Z', until: '2001-01-02T00:00:00Z' },
    code: 'NOT_ENOUGH_DATA',
    says: /2001-01-01T00:00:00.000Z to 2001-01-02/,
  },
  {
    what: 'a reference from an empty window',
    tool: 'set_reference_data',
    given: { model_id: 'mixed', from_hours: 1 },
    code: 'NOT_ENOUGH_DATA',
  },
  {
    what: 'a window that ends before it begins',
    tool: 'detect_drift',
    given: { model_id: 'linear', since: '2020-01-02T00:00:00Z', until: '2020-01-01T00:00:00Z' },
    code: 'INVALID_INPUT',
    says: /not before/,
  },
  {
    what: 'a time without zone',
    tool: 'detect_drift',
    given: { model_id: 'linear', since: '2020-01-02 00:00' },
    code: 'INVALID_INPUT',
    says: /ISO 8601/,
  },
  {
    what: 'current rows given twice',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], current_path: inAllowed('other_columns.csv') },
    code: 'INVALID_INPUT',
    says: /both/,
  },
  {
    what: 'drift of a feature that is none',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], features: ['f9'] },
    code: 'INVALID_INPUT',
    says: /f9/,
    advises: /f0, f1, f2/,
  },
  {
    what: 'text among reference numbers',
    tool: 'set_reference_data',
    given: { model_id: 'linear', data: [goodRow, { ...goodRow, f1: 'two' }] },
    code: 'INVALID_INPUT',
    says: /Row 1, feature "f1"/,
  },
  {
    what: 'rows without any feature of the model',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_path: inAllowed('other_columns.csv') },
    code: 'INVALID_INPUT',
    says: /None of the columns \(a, b\)/,
  },
  {
    what: 'stretches of time of rows without times',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], buckets: 5 },
    code: 'INVALID_INPUT',
    says: /buckets needs the time of every row/,
  },
  {
    what: 'segments of a feature that is none',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], segment_by: 'f9' },
    code: 'INVALID_INPUT',
    says: /segment_by names f9/,
    advises: /f0, f1, f2/,
  },
  {
    what: 'segments of all features at once',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], segment_by: 'f0', method: 'multivariate' },
    code: 'INVALID_INPUT',
    says: /multivariate and segment_by were both given/,
  },
  {
    what: 'a reference that there is not',
    tool: 'detect_drift',
    given: { model_id: 'linear', current_data: [goodRow], reference_id: 'r1' },
    code: 'INVALID_INPUT',
    says: /has no reference r1/,
    advises: /Name one of the newest: /,
  },
  {
    what: 'an outcome column that the rows do not have',
    tool: 'set_reference_data',
    given: { model_id: 'linear', data: [goodRow], outcome_column: 'sold' },
    code: 'INVALID_INPUT',
    says: /outcome_column names "sold"/,
    advises: /f0, f1, f2/,
  },
  {
    what: 'an outcome column of the log',
    tool: 'set_reference_data',
    given: { model_id: 'linear', from_hours: 1, outcome_column: 'sold' },
    code: 'INVALID_INPUT',
    says: /outcome_column was given with from_hours/,
  },
  {
    what: 'no reference rows at all',
    tool: 'set_reference_data',
    given: { model_id: 'linear' },
    code: 'INVALID_INPUT',
    says: /exactly one of data, path and from_hours; 0/,
  },
  {
    what: 'reference rows from two places',
    tool: 'set_reference_data',
    given: { model_id: 'linear', data: [goodRow], from_hours: 1 },
    code: 'INVALID_INPUT',
    says: /2 were given/,
  },
  {
    what: 'a CSV file without rows',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('header_only.csv') },
    code: 'INVALID_INPUT',
    says: /no rows/,
  },
  {
    what: 'a CSV file with text among numbers',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('text_in_number.csv') },
    code: 'INVALID_INPUT',
    says: /line 3, column "f1": expected a number, got "two"/,
  },
  {
    what: 'a CSV file with a short line',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: inAllowed('ragged.csv') },
    code: 'INVALID_INPUT',
    says: /line 2: The line has 2 cells, but the header 3/,
  },
  {
    what: 'a model as CSV file',
    tool: 'set_reference_data',
    given: { model_id: 'linear', path: testModel('random_bytes') },
    code: 'INVALID_INPUT',
  },
];

describe('bad input is answered with its code and a sentence that helps', () => {
  beforeAll(async () => {
    await server.call('set_reference_data', {
      model_id: 'linear',
      data: Array.from({ length: 100 }, (_, index) => ({ f0: index, f1: -index, f2: index % 7 })),
    });
  });

  for (const { what, tool, given, code, says, advises, skip } of badCalls)
    it.skipIf(skip)(`${what}: ${code}`, async () => {
      const error = await server.fail(tool, given);
      expect(error.code).toBe(code);
      if (says !== undefined) expect(error.message).toMatch(says);
      if (advises !== undefined) expect(error.hint).toMatch(advises);
      expectFitToShow(error, given);
      await expectAlive();
    });

  it('an unknown tool: a protocol error that lists the tools', async () => {
    const refused = server.attempt('predicts', { model_id: 'linear' });
    await expect(refused).rejects.toBeInstanceOf(McpError);
    await expect(refused).rejects.toMatchObject({
      code: ErrorCode.InvalidParams,
      message: expect.stringMatching(/There is no tool predicts\. Tools: deploy_model, predict, /),
    });
    await expectAlive();
  });

  it('nothing of it was kept', async () => {
    const found = await server.call('search_models', { limit: 200 });
    expect(found.models.map(({ model_id, version }) => `${model_id} ${version}`).toSorted()).toEqual([
      'four 1',
      'image 1',
      'linear 1',
      'linear registered',
      'mixed 1',
      'whole32 1',
      'whole64 1',
    ]);
    const health = await server.call('health_check');
    // A caller's bad input is no failure of a model.
    expect(health.models.map(({ error_count }) => error_count)).toEqual(health.models.map(() => 0));
    expect(server.standardError()).toBe('');
  });
});

async function expectAlive(): Promise<void> {
  const answer = await server.call('predict', { model_id: 'linear', inputs: [goodRow] });
  expect(answer.predictions[0]?.value).toBe(4.75);
}

/** Whole sentences; no stack, and no path but those that the caller gave. */
function expectFitToShow({ message, hint }: ToolError, given: Record<string, unknown>): void {
  for (const sentence of [message, hint]) {
    expect(sentence).toMatch(/^[\p{L}"'[/{].*[.?!]$/su);
    expect(sentence).not.toMatch(/undefined|\[object|NaN \w|\bat \S+:\d+|^\s*at /m);
    expect(sentence.length).toBeLessThan(1000);
  }
  const paths = [given.source, given.path, given.current_path].filter((path) => typeof path === 'string');
  const rest = paths.reduce((text, path) => text.replaceAll(path, ''), `${message} ${hint}`);
  for (const foreign of [
    'node_modules',
    'dist/',
    '/onnxruntime',
    join(scratch.path, 'registry'),
    scratch.path,
  ])
    expect(rest).not.toContain(foreign);
}
