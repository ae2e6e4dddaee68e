import { ModelYardError } from '../../errors.ts';
import type { DatatypeName } from '../../registry/datatypes.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import type { StreamedBody } from './http_client.ts';
import type { ServedFiles } from './served_files.ts';

/** Of a file, encoded at once; a multiple of three, so that the encoded parts join. */
const partBytes = 3 * 2 ** 18;

/** Triton's load request with the whole model in it: its configuration, and each file base64. */
export function pushBody(config: unknown, files: ServedFiles['files']): StreamedBody {
  const start = Buffer.from(`{"parameters":{"config":${JSON.stringify(JSON.stringify(config))}`);
  const end = Buffer.from('}}');
  const labels = files.map(({ name }) => Buffer.from(`,${JSON.stringify(`file:1/${name}`)}:"`));
  const quote = Buffer.from('"');
  const bytes = files.reduce(
    (sum, file, index) =>
      sum + (labels[index]?.length ?? 0) + 4 * Math.ceil(file.bytes.length / 3) + quote.length,
    start.length + end.length,
  );
  return {
    bytes,
    *parts() {
      yield start;
      for (const [index, file] of files.entries()) {
        yield labels[index] ?? quote;
        for (let at = 0; at < file.bytes.length; at += partBytes)
          yield Buffer.from(encoded(file.bytes.subarray(at, at + partBytes)));
        yield quote;
      }
      yield end;
    },
  };
}

function encoded(part: Uint8Array): string {
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('base64');
}

/** Triton's configuration of an ONNX model. Calls keep their shape: the engine joins none. */
export function tritonConfig(
  engine: string,
  model: { inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[] },
  instances: number,
) {
  return {
    backend: 'onnxruntime',
    max_batch_size: 0,
    input: model.inputs.map((spec) => tritonTensor(engine, spec)),
    output: model.outputs.map((spec) => tritonTensor(engine, spec)),
    instance_group: [{ count: instances, kind: 'KIND_AUTO' }],
  };
}

function tritonTensor(engine: string, { name, datatype, shape, unranked }: TensorSpec) {
  // A configuration must have a dimension, and each at least one element or be free.
  if (unranked || shape.length === 0 || shape.includes(0))
    throw new ModelYardError(
      'INVALID_INPUT',
      `The tensor ${JSON.stringify(name.slice(0, 80))} has ${unranked ? 'no known number of dimensions' : shape.length === 0 ? 'no dimensions' : 'a dimension of size 0'}, which ${engine} cannot be told.`,
      'Deploy it with engine=embedded.',
    );
  return { name, data_type: tritonTypes[datatype], dims: shape };
}

const tritonTypes: Record<DatatypeName, string> = {
  BOOL: 'TYPE_BOOL',
  INT8: 'TYPE_INT8',
  INT16: 'TYPE_INT16',
  INT32: 'TYPE_INT32',
  INT64: 'TYPE_INT64',
  UINT8: 'TYPE_UINT8',
  UINT16: 'TYPE_UINT16',
  UINT32: 'TYPE_UINT32',
  UINT64: 'TYPE_UINT64',
  FP16: 'TYPE_FP16',
  FP32: 'TYPE_FP32',
  FP64: 'TYPE_FP64',
  BYTES: 'TYPE_STRING',
};
