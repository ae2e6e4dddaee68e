import { packageVersion } from '../../package_info.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import type { Services } from '../../services.ts';

/** What the Open Inference Protocol tells of the server and its models, in the names that JSON and gRPC have for it. */

/** The extensions, by the names that Triton has for them. */
export const serverMetadata = {
  name: 'modelyard',
  version: packageVersion,
  extensions: ['binary_tensor_data', 'classification', 'parameters'],
};

export interface ModelMetadata {
  name: string;
  versions: string[];
  platform: string;
  inputs: TensorMetadata[];
  outputs: TensorMetadata[];
}

interface TensorMetadata {
  name: string;
  datatype: string;
  shape: number[];
}

/** @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED */
export async function modelMetadata(
  { serving }: Services,
  model: string,
  version: string | undefined,
): Promise<ModelMetadata> {
  const { versions, signature } = await serving.status(model, version);
  return {
    name: model,
    versions,
    platform: 'onnx_onnxv1',
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
  };
}

function tensorMetadata({ name, datatype, shape }: TensorSpec): TensorMetadata {
  return { name, datatype, shape };
}

export interface IndexedVersion {
  name: string;
  version: string;
  state: 'READY' | 'UNAVAILABLE';
  reason: string;
}

/** Every deployed version. @param readyOnly those that would answer now */
export async function repositoryIndex({ serving }: Services, readyOnly: boolean): Promise<IndexedVersion[]> {
  const versions = await serving.listServed();
  return versions
    .filter(({ reopensAt }) => !readyOnly || reopensAt === undefined)
    .map(({ modelId, version, reopensAt }) => ({
      name: modelId,
      version,
      state: reopensAt === undefined ? 'READY' : 'UNAVAILABLE',
      reason:
        reopensAt === undefined
          ? ''
          : `its circuit breaker is open until ${new Date(reopensAt).toISOString()}`,
    }));
}
