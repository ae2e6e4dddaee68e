/** The numbers of the fields of ONNX's messages (onnx.proto) that are read or written here. */
export const modelField = {
  producer: 2,
  producerVersion: 3,
  graph: 7,
  opset: 8,
  training: 20,
  function: 25,
} as const;
export const opsetField = { domain: 1, version: 2 } as const;
export const trainingField = { initialization: 1, algorithm: 2 } as const;
export const functionField = {
  name: 1,
  input: 4,
  output: 5,
  attributeName: 6,
  node: 7,
  opset: 9,
  domain: 10,
  attribute: 11,
  overload: 13,
} as const;
export const graphField = { node: 1, initializer: 5, input: 11, output: 12, value: 13, sparse: 15 } as const;
export const nodeField = {
  input: 1,
  output: 2,
  name: 3,
  operator: 4,
  attribute: 5,
  domain: 7,
  overload: 8,
} as const;
export const attributeField = {
  name: 1,
  float: 2,
  integer: 3,
  text: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  integers: 8,
  texts: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
  refersTo: 21,
  sparse: 22,
  sparses: 23,
} as const;
export const tensorField = {
  dimension: 1,
  type: 2,
  floats: 4,
  int32s: 5,
  texts: 6,
  int64s: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  external: 13,
  location: 14,
} as const;
export const sparseField = { values: 1, indices: 2 } as const;
export const valueField = { name: 1, type: 2 } as const;
export const typeField = { tensor: 1, sequence: 4, map: 5, sparse: 8, optional: 9 } as const;
export const tensorTypeField = { element: 1, shape: 2 } as const;
export const shapeField = { dimension: 1 } as const;
export const dimensionField = { size: 1, name: 2 } as const;
export const sequenceTypeField = { element: 1 } as const;

/** TensorProto.DataType: what an element is, by its number. */
export const elementTypes = [
  'undefined',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
  'uint2',
  'int2',
] as const;
