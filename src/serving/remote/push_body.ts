import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import type { PushedModel } from './engine_connection.ts';
import type { StreamedBody } from './http_client.ts';
import { tritonTypes, untellable } from './triton_tensors.ts';

/** Of a file, encoded at once; a multiple of three, so that the encoded parts join. */
const partBytes = 3 * 2 ** 18;

/** Triton's load request with the whole model in it: its configuration, and each file base64. */
export function pushBody({ config, files }: PushedModel): StreamedBody {
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

function tritonTensor(engine: string, spec: TensorSpec) {
  const problem = untellable(spec);
  if (problem !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${problem}, which ${engine} cannot be told.`,
      'Deploy it with engine=embedded.',
    );
  return { name: spec.name, data_type: tritonTypes[spec.datatype], dims: spec.shape };
}
