import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { type DatatypeName, datatypes } from '../registry/datatypes.ts';
import type { Tensor } from '../tensors/datatypes.ts';
import { bytesOfElements } from '../tensors/element_bytes.ts';
import { tensorOfJson } from '../tensors/json_tensors.ts';
import { tensorOfBytes } from './binary_tensors.ts';
import type { InferenceAnswer, InferenceCall, Parameters } from './messages.ts';
import { messageType } from './protobuf.ts';

/** Calls and answers as messages of gRPC: tensors as raw bytes, or as lists of their elements. */

const parameters = z
  .record(
    z.string(),
    z.object({
      bool_param: z.boolean().optional(),
      int64_param: z.string().optional(),
      string_param: z.string().optional(),
      double_param: z.number().optional(),
      uint64_param: z.string().optional(),
    }),
  )
  .transform((given) =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [name, parameterValue(value)])),
  );
const list = z.custom<unknown[]>(Array.isArray);
const tensor = z.object({
  name: z.string(),
  datatype: z.enum(datatypes),
  shape: z.array(z.string().transform(Number).pipe(z.int().min(0))),
  parameters,
  contents: z.record(z.string(), list).nullish(),
});
const rawContents = z.array(z.instanceof(Uint8Array));
const callSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().max(512),
  parameters,
  inputs: z.array(tensor).min(1).max(10_000),
  outputs: z.array(z.object({ name: z.string(), parameters })).max(10_000),
  raw_input_contents: rawContents,
});
const answerSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string(),
  parameters,
  outputs: z.array(tensor),
  raw_output_contents: rawContents,
});

/** A call with what JSON's has in its address. */
export interface GrpcCall extends InferenceCall {
  model: string;
  version: string | undefined;
  /** Whether its tensors came as raw bytes: then the answer's are sent so too. */
  isRaw: boolean;
}

/** @param message a decoded ModelInferRequest @throws INVALID_INPUT saying what is wrong where */
export function readGrpcCall(message: Record<string, unknown>): GrpcCall {
  const call = parsed(callSchema, message);
  return {
    model: call.model_name,
    version: optional(call.model_version),
    id: optional(call.id),
    parameters: call.parameters,
    inputs: readTensors('input', call.inputs, call.raw_input_contents),
    outputs: call.outputs.length === 0 ? undefined : call.outputs,
    isRaw: call.raw_input_contents.length > 0,
  };
}

/** A ModelInferResponse. Half precision has no list of elements, so that an answer with it is sent raw. */
export function writeGrpcAnswer(answer: InferenceAnswer, isRaw: boolean): Record<string, unknown> {
  const outputs = [...answer.outputs];
  const raw = isRaw || outputs.some(([, { datatype }]) => datatype === 'FP16');
  return {
    model_name: answer.model,
    model_version: answer.version,
    ...(answer.id !== undefined && { id: answer.id }),
    parameters: writeParameters(answer.parameters),
    outputs: outputs.map(([name, given]) => describeTensor(name, given, raw)),
    raw_output_contents: raw ? outputs.map(([, { data }]) => bytesOfElements(data)) : [],
  };
}

const inferRequest = 'inference.ModelInferRequest';
const inferResponse = 'inference.ModelInferResponse';

/** Writes a call as a client sends it: raw. */
export function writeGrpcCall(model: string, version: string | undefined, call: InferenceCall): Buffer {
  const inputs = [...call.inputs];
  return messageType(inferRequest).encode({
    model_name: model,
    model_version: version ?? '',
    id: call.id ?? '',
    parameters: writeParameters(call.parameters),
    inputs: inputs.map(([name, given]) => describeTensor(name, given, true)),
    outputs: (call.outputs ?? []).map(({ name, parameters: own }) => ({
      name,
      parameters: writeParameters(own),
    })),
    raw_input_contents: inputs.map(([, { data }]) => bytesOfElements(data)),
  });
}

/** Reads an answer as a client. @throws INVALID_INPUT for what is none */
export function readGrpcAnswer(bytes: Uint8Array): InferenceAnswer {
  const answer = parsed(answerSchema, messageType(inferResponse).decode(bytes));
  return {
    model: answer.model_name,
    version: answer.model_version,
    id: optional(answer.id),
    parameters: Object.fromEntries(
      Object.entries(answer.parameters).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? String(value) : value,
      ]),
    ),
    outputs: readTensors('output', answer.outputs, answer.raw_output_contents),
  };
}

function describeTensor(name: string, given: Tensor, isRaw: boolean): Record<string, unknown> {
  const { datatype, shape } = given;
  const field = contentsField[datatype];
  return {
    name,
    datatype,
    shape,
    ...(!isRaw && field !== undefined && { contents: { [field]: listOfElements(given) } }),
  };
}

/** Where a tensor's elements stand that are not sent raw. */
const contentsField: Record<DatatypeName, string | undefined> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP16: undefined,
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

function listOfElements({ datatype, data }: Tensor): unknown[] {
  if (Array.isArray(data)) return data.map((text) => Buffer.from(text));
  return Array.from({ length: data.length }, (_, index) => {
    const element = data[index];
    if (datatype === 'BOOL') return element !== 0;
    return typeof element === 'bigint' ? String(element) : element;
  });
}

function readTensors(
  kind: 'input' | 'output',
  given: readonly z.output<typeof tensor>[],
  raw: readonly Uint8Array[],
): Map<string, Tensor> {
  if (raw.length > 0 && raw.length !== given.length)
    throw invalid(
      `raw_${kind}_contents has ${raw.length} elements for ${given.length} ${kind}s.`,
      'Send all tensors raw, in their order, or none.',
    );
  const tensors = new Map<string, Tensor>();
  given.forEach(({ name, datatype, shape, parameters: own, contents }, index) => {
    const bytes = raw[index];
    const fault = (what: string) =>
      invalid(
        `The ${kind} ${JSON.stringify(name.slice(0, 80))}${what}.`,
        kind === 'input' ? 'Correct it; ModelMetadata names the inputs.' : 'The server answered wrongly.',
      );
    if (tensors.has(name)) throw fault(' is given twice');
    if (Object.hasOwn(own, 'shared_memory_region')) throw fault(' is in shared memory, which is not served');
    const read =
      bytes === undefined
        ? tensorOfContents(datatype, shape, contents ?? {})
        : tensorOfBytes(datatype, shape, bytes);
    if (typeof read === 'string') throw fault(read);
    if (bytes !== undefined && Object.values(contents ?? {}).some(({ length }) => length > 0))
      throw fault(' has both contents and raw contents');
    tensors.set(name, read);
  });
  return tensors;
}

function tensorOfContents(
  datatype: DatatypeName,
  shape: number[],
  contents: Readonly<Record<string, unknown[]>>,
): Tensor | string {
  const field = contentsField[datatype];
  const other = Object.keys(contents).find((name) => name !== field && (contents[name] ?? []).length > 0);
  if (other !== undefined) return ` has ${other}, but ${datatype} takes ${field ?? 'raw contents'}`;
  const data = (field === undefined ? undefined : contents[field]) ?? [];
  return tensorOfJson({ datatype, shape, data: data.map(jsonElement) });
}

/** An element as JSON tensors have it; bytes that are no text stay what no tensor takes. */
function jsonElement(element: unknown): unknown {
  if (typeof element === 'number' && !Number.isFinite(element)) return String(element);
  if (!(element instanceof Uint8Array) || !isUtf8(element)) return element;
  return Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString('utf8');
}

function parameterValue(given: {
  bool_param?: boolean | undefined;
  int64_param?: string | undefined;
  string_param?: string | undefined;
  double_param?: number | undefined;
  uint64_param?: string | undefined;
}): string | number | boolean | bigint {
  const integer = given.int64_param ?? given.uint64_param;
  if (integer !== undefined) {
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : BigInt(integer);
  }
  return given.bool_param ?? given.string_param ?? given.double_param ?? '';
}

function writeParameters(given: Parameters): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, writeParameter(value)]));
}

function writeParameter(value: unknown): Record<string, unknown> {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return { int64_param: String(value) };
  if (typeof value === 'number') return { double_param: value };
  return { string_param: typeof value === 'string' ? value : JSON.stringify(value) };
}

function optional(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function parsed<Schema extends z.ZodType>(schema: Schema, message: unknown): z.output<Schema> {
  const result = schema.safeParse(message);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(
    `${issue?.path.join('.') || 'The message'}: ${issue?.message ?? 'wrong'}.`,
    'Send it as the Open Inference Protocol has it.',
  );
}

function invalid(message: string, hint: string): ModelYardError {
  return new ModelYardError('INVALID_INPUT', message, hint);
}
