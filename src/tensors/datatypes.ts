import { type DatatypeName, datatypes } from '../registry/datatypes.ts';

/** The typed arrays that hold a tensor's elements in row-major order; strings are a plain array. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

export interface Tensor {
  datatype: DatatypeName;
  shape: number[];
  data: TensorData;
}

interface NumberDatatype {
  kind: 'float' | 'integer';
  /** onnxruntime's name of the element type. */
  runtimeType: string;
  /** Bytes of an element. */
  bytes: number;
  min: number;
  max: number;
  create(length: number): Exclude<TensorData, string[] | BigInt64Array | BigUint64Array>;
  view(buffer: ArrayBuffer): TensorData;
}

interface BigIntegerDatatype {
  kind: 'bigint';
  runtimeType: string;
  bytes: 8;
  min: bigint;
  max: bigint;
  create(length: number): BigInt64Array | BigUint64Array;
  view(buffer: ArrayBuffer): TensorData;
}

interface BooleanDatatype {
  kind: 'boolean';
  runtimeType: 'bool';
  bytes: 1;
  create(length: number): Uint8Array;
  view(buffer: ArrayBuffer): TensorData;
}

/** float16 as 16 bits; see float16.ts. */
interface HalfDatatype {
  kind: 'half';
  runtimeType: 'float16';
  bytes: 2;
  create(length: number): Uint16Array;
  view(buffer: ArrayBuffer): TensorData;
}

interface StringDatatype {
  kind: 'string';
  runtimeType: 'string';
}

export type Datatype = NumberDatatype | BigIntegerDatatype | BooleanDatatype | HalfDatatype | StringDatatype;

/** The largest double whose nearest float32 is finite; 3.4028235e38, as float32's maximum is printed, is below it. */
const float32Max = 3.4028235677973362e38;

const table: Record<DatatypeName, Datatype> = {
  BOOL: {
    kind: 'boolean',
    runtimeType: 'bool',
    bytes: 1,
    create: (length) => new Uint8Array(length),
    view: (buffer) => new Uint8Array(buffer),
  },
  INT8: number('integer', 'int8', Int8Array, -128, 127),
  INT16: number('integer', 'int16', Int16Array, -32768, 32767),
  INT32: number('integer', 'int32', Int32Array, -2147483648, 2147483647),
  INT64: {
    kind: 'bigint',
    runtimeType: 'int64',
    bytes: 8,
    min: -(2n ** 63n),
    max: 2n ** 63n - 1n,
    create: (length) => new BigInt64Array(length),
    view: (buffer) => new BigInt64Array(buffer),
  },
  UINT8: number('integer', 'uint8', Uint8Array, 0, 255),
  UINT16: number('integer', 'uint16', Uint16Array, 0, 65535),
  UINT32: number('integer', 'uint32', Uint32Array, 0, 4294967295),
  UINT64: {
    kind: 'bigint',
    runtimeType: 'uint64',
    bytes: 8,
    min: 0n,
    max: 2n ** 64n - 1n,
    create: (length) => new BigUint64Array(length),
    view: (buffer) => new BigUint64Array(buffer),
  },
  FP16: {
    kind: 'half',
    runtimeType: 'float16',
    bytes: 2,
    create: (length) => new Uint16Array(length),
    view: (buffer) => new Uint16Array(buffer),
  },
  FP32: number('float', 'float32', Float32Array, -float32Max, float32Max),
  FP64: number('float', 'float64', Float64Array, -Number.MAX_VALUE, Number.MAX_VALUE),
  BYTES: { kind: 'string', runtimeType: 'string' },
};

type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

function number(
  kind: 'float' | 'integer',
  runtimeType: string,
  Elements: {
    new (length: number): NumberArray;
    new (buffer: ArrayBuffer): NumberArray;
    BYTES_PER_ELEMENT: number;
  },
  min: number,
  max: number,
): NumberDatatype {
  return {
    kind,
    runtimeType,
    bytes: Elements.BYTES_PER_ELEMENT,
    min,
    max,
    create: (length) => new Elements(length),
    view: (buffer) => new Elements(buffer),
  };
}

export function datatype(name: DatatypeName): Datatype {
  return table[name];
}

/** The datatype that onnxruntime calls `runtimeType`, or undefined when it is not served. */
export function datatypeOfRuntime(runtimeType: string): DatatypeName | undefined {
  return datatypes.find((name) => table[name].runtimeType === runtimeType);
}

/** Whether a datatype has NaN, which stands for a missing value. */
export function isFloat(name: DatatypeName): boolean {
  return name === 'FP16' || name === 'FP32' || name === 'FP64';
}

/** Most dimensions of a tensor: as many as NumPy supports. */
export const maxRank = 64;

/** The number of elements a tensor of this shape has. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
