import type { Feature, TensorSpec } from '../registry/signature.ts';
import type { OurVersion } from './registry_state.ts';

/** MLflow's names of element types in a signature's tensors (those of NumPy). */
const tensorTypes: Record<TensorSpec['datatype'], string> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'str',
};

/**
 * The small files of a model's directory as mlflow.onnx.save_model writes it, by name; model.onnx is the artifact
 * itself. MLmodel is JSON, which is YAML too.
 */
export function describeForMlflow(
  { record }: Pick<OurVersion, 'record'>,
  run: { runId: string; artifactPath: string },
  at: number,
): Map<string, string> {
  const { signature } = record;
  const mlmodel = {
    artifact_path: run.artifactPath,
    flavors: {
      onnx: {
        code: null,
        data: 'model.onnx',
        onnx_session_options: null,
        onnx_version: null,
        providers: ['CPUExecutionProvider'],
      },
      python_function: {
        data: 'model.onnx',
        env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
        loader_module: 'mlflow.onnx',
      },
    },
    metadata: {
      modelyard: {
        model_id: record.modelId,
        version: record.version,
        ...(signature.features.length > 0 && { feature_names: signature.features.map(({ name }) => name) }),
        ...(record.classLabels !== undefined && { class_labels: record.classLabels }),
      },
    },
    run_id: run.runId,
    signature: {
      inputs: JSON.stringify(inputSchema(signature.inputs, signature.outputs, signature.features)),
      outputs: JSON.stringify(signature.outputs.map((output) => tensorSchema(output, output.name))),
      params: null,
    },
    utc_time_created: new Date(at).toISOString().replace('T', ' ').replace('Z', ''),
  };
  const requirements = ['mlflow', 'numpy', 'onnx', 'onnxruntime', 'pandas'];
  return new Map([
    ['MLmodel', `${JSON.stringify(mlmodel, null, 2)}\n`],
    ['requirements.txt', `${requirements.join('\n')}\n`],
    [
      'conda.yaml',
      `channels:\n- conda-forge\ndependencies:\n- python\n- pip\n- pip:\n${requirements.map((name) => `  - ${name}\n`).join('')}name: mlflow-env\n`,
    ],
    ['python_env.yaml', 'dependencies:\n- -r requirements.txt\n'],
  ]);
}

/**
 * One table of floating-point columns with one output becomes named columns: MLflow then takes data frames, whose
 * columns it puts in order. They are called double, as data frames have them, and its ONNX flavor makes float32
 * of them; it cannot answer a data frame with several outputs, so then, and for anything else, it is tensors.
 */
function inputSchema(
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  features: readonly Feature[],
): object[] {
  const [output] = outputs;
  const oneColumn = outputs.length === 1 && output !== undefined && (output.shape[1] ?? 1) === 1;
  const floats = features.every(({ datatype }) => datatype === 'FP32' || datatype === 'FP64');
  if (inputs.length === 1 && inputs[0]?.shape.length === 2 && features.length > 0 && floats && oneColumn)
    return features.map(({ name }) => ({ type: 'double', name, required: true }));
  const [input] = inputs;
  if (inputs.length === 1 && input !== undefined) return [tensorSchema(input, undefined)];
  return inputs.map((one) => tensorSchema(one, one.name));
}

function tensorSchema({ datatype, shape }: TensorSpec, name: string | undefined): object {
  return {
    type: 'tensor',
    'tensor-spec': { dtype: tensorTypes[datatype], shape: shape.length === 0 ? [-1] : shape },
    ...(name !== undefined && { name }),
  };
}
