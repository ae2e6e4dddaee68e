import { z } from 'zod';
import { ModelYardError, messageOf } from '../errors.ts';
import { parseYaml } from './yaml.ts';

/** What is used of the file MLmodel, which describes a model's directory. */
export interface MlModel {
  /** The ONNX file, relative to the directory. */
  data: string;
  /** The names of the columns of a row, in the order of the signature; undefined where it names none. */
  columns: string[] | undefined;
  classLabels: string[] | undefined;
  runId: string | undefined;
  modelId: string | undefined;
}

const texts = z.array(z.string()).min(1).optional().catch(undefined);

const mlmodel = z.object({
  flavors: z.record(z.string(), z.unknown()),
  run_id: z.string().nullish(),
  model_id: z.string().nullish(),
  signature: z.object({ inputs: z.string().nullish() }).nullish(),
  metadata: z
    .object({ modelyard: z.object({ feature_names: texts, class_labels: texts }).optional() })
    .nullish()
    .catch(undefined),
});

const onnxFlavor = z.object({ data: z.string() });

/** MLflow's signature: columns, each a type and perhaps a name, or tensors. */
const inputs = z.array(z.object({ type: z.string(), name: z.string().optional() }));

/** @throws ARTIFACT_INVALID when the text is not an MLmodel file, or the model is not ONNX */
export function readMlModel(text: string): MlModel {
  const { flavors, signature, metadata, run_id, model_id } = parse(text);
  const flavor = onnxFlavor.safeParse(flavors.onnx);
  if (!flavor.success)
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `The model in MLflow is not ONNX: its flavors are ${Object.keys(flavors).join(', ').slice(0, 200)}.`,
      'Log it with mlflow.onnx.log_model (skl2onnx, onnxmltools or torch.onnx.export make ONNX of a model).',
    );
  return {
    data: flavor.data.data,
    columns: metadata?.modelyard?.feature_names ?? columnsOf(signature?.inputs),
    classLabels: metadata?.modelyard?.class_labels,
    runId: run_id ?? undefined,
    modelId: model_id ?? undefined,
  };
}

function parse(text: string): z.output<typeof mlmodel> {
  try {
    return mlmodel.parse(parseYaml(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'it has another form' : messageOf(error);
    throw new ModelYardError(
      'ARTIFACT_INVALID',
      `The file MLmodel of the model in MLflow cannot be understood: ${why}.`,
      'Log the model again with mlflow.onnx.log_model, or download the .onnx file and give its path.',
    );
  }
}

function columnsOf(signature: string | null | undefined): string[] | undefined {
  const columns = inputs.safeParse(parseJson(signature ?? ''));
  if (!columns.success || columns.data.some(({ type }) => type === 'tensor')) return undefined;
  const names = columns.data.flatMap(({ name }) => (name === undefined ? [] : [name]));
  return names.length > 0 && names.length === columns.data.length ? names : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
