import { expect, test } from 'vitest';
import { cleanMessage, loadFailure, reasonFirst } from '../../../src/serving/engine/runtime_message.ts';

/** Messages as onnxruntime 1.30 gives them, word for word. */
const source = '/onnxruntime_src/onnxruntime/core';
const irVersion = `${source}/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const onnxruntime::IOnnxRuntimeOpSchemaRegistryList*, const onnxruntime::logging::Logger&, const onnxruntime::ModelOptions&) Unsupported model IR version: 14, max supported IR version: 13\n`;
const opset = `${source}/graph/model_load_utils.h:46 void onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, const onnxruntime::logging::Logger&, bool, const std::string&, int) ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. Opset 9999 is under development and support for this is limited. The operator schemas and or other functionality may change before next ONNX release and in this case ONNX Runtime will not guarantee backward compatibility. Current official support for domain ai.onnx is till opset 26.`;
const locale = `Exception during initialization: ${source}/providers/cpu/text/string_normalizer.cc:235 onnxruntime::StringNormalizer::Locale::Locale(const std::string&)::<lambda()> Failed to construct locale with name:en_US.UTF-8`;
const reshape = `Non-zero status code returned while running Reshape node. Name:'r' Status Message: ${source}/providers/cpu/tensor/reshape_helper.h:45 onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) input_shape_size == size was false. The input tensor cannot be reshaped to the requested shape. Input shape:{1,4}, requested shape:{3}\n`;
const generic = `${source}/framework/op_kernel_context.h:42 const T* onnxruntime::OpKernelContext::Input(int) const [with T = onnxruntime::Tensor] Missing Input: x`;

test.each<[string, string]>([
  [irVersion, 'Unsupported model IR version: 14, max supported IR version: 13'],
  [locale, 'Exception during initialization: Failed to construct locale with name:en_US.UTF-8'],
  [
    reshape,
    'The input tensor cannot be reshaped to the requested shape. Input shape:{1,4}, requested shape:{3} (operator Reshape, node r)',
  ],
  [generic, 'Missing Input: x'],
  [
    `Non-zero status code returned while running Loop node. Name:'outer' Status Message: Non-zero status code returned while running Gather node. Name:'' Status Message: indices out of bounds, idx=9`,
    'indices out of bounds, idx=9 (operator Gather)',
  ],
  ['Got invalid dimensions for input: x (Expected: 3)', 'Got invalid dimensions for input: x (Expected: 3)'],
])('the reason stands first, without C++ (%#)', (message, reason) => {
  expect(reasonFirst(message)).toBe(reason);
  expect(reasonFirst(reason)).toBe(reason);
});

test('a long name does not push the reason out', () => {
  const message = `Non-zero status code returned while running Gather node. Name:'${'n'.repeat(5000)}' Status Message: indices out of bounds`;
  expect(cleanMessage(message)).toMatch(/^indices out of bounds \(operator Gather, node n+….$/);
  expect(cleanMessage(message).length).toBeLessThan(700);
});

test.each<[string, string, RegExp, RegExp]>([
  [
    'IR version',
    irVersion,
    /IR version is 14; this runtime takes up to 13\./,
    /model\.ir_version = 13.*older onnx/,
  ],
  [
    'opset',
    opset,
    /opset 9999 of ai\.onnx; this runtime takes up to 26\./,
    /target_opset=26.*opset_version=26/,
  ],
  [
    'operator',
    'Fatal error: com.acme:Frobnicate(-1) is not a registered function/op',
    /com\.acme:Frobnicate/,
    /standard ONNX operators/,
  ],
  ['half a file', 'Failed to load model because protobuf parsing failed.', /damaged or cut short/, /again/],
  [
    'anything else',
    'Graph is not a DAG...',
    /cannot be loaded as an ONNX model: Graph is not a DAG\.$/,
    /onnx\.checker/,
  ],
])('a file that does not load for its %s says why and what to do', (_, said, message, hint) => {
  const failure = loadFailure(said);
  expect(failure.message).toMatch(message);
  expect(failure.hint).toMatch(hint);
  expect(`${failure.message} ${failure.hint}`).not.toMatch(/onnxruntime::|std::|\.cc/);
});

test('any text is taken, in time that grows with its length', () => {
  for (const text of [
    '',
    '.cc',
    'a.cc:1 f(((((',
    '('.repeat(10_000),
    'x.cc(a) '.repeat(2000),
    'x.h:1 F()()()()',
  ])
    expect(cleanMessage(text)).toMatch(/\.$/);
});
