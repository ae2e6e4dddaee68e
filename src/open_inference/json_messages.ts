import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { parseExactJson } from '../exact_json.ts';
import { depthFault } from '../json_shape.ts';
import { isPlainObject } from '../plain_object.ts';
import { type DatatypeName, datatypes } from '../registry/datatypes.ts';
import type { Tensor } from '../tensors/datatypes.ts';
import { bytesOfElements } from '../tensors/element_bytes.ts';
import { tensorOfJson } from '../tensors/json_tensors.ts';
import { tensorOfBytes } from './binary_tensors.ts';
import type { InferenceAnswer, InferenceCall, Parameters } from './messages.ts';
import { elementsText } from './tensor_text.ts';

/**
 * Calls and answers as JSON, with the binary tensor data extension: a tensor whose parameters say `binary_data_size` has no
 * `data`, and its bytes follow the JSON, in the order of the tensors. How long the JSON is stands in the header
 * Inference-Header-Content-Length.
 */

/** Some clients write null for what they leave out. */
const parameters = z
  .custom<Parameters>(isPlainObject, { message: 'must be an object' })
  .nullish()
  .transform((given) => given ?? {});
const id = z
  .string()
  .max(512)
  .nullish()
  .transform((given) => given ?? undefined);
const tensor = z.object({
  name: z.string(),
  datatype: z.enum(datatypes),
  shape: z.array(z.int().min(0)),
  parameters,
  /** Not looked at one by one: there may be millions, and the datatype says what each must be. */
  data: z.custom<unknown[]>(Array.isArray, { message: 'must be a list' }).nullish(),
});
export const callSchema = z.object({
  id,
  parameters,
  inputs: z.array(tensor).min(1).max(10_000),
  outputs: z
    .array(z.object({ name: z.string(), parameters }))
    .max(10_000)
    .nullish(),
});
/** KServe's clients name the model again. */
const memberNames = [...Object.keys(callSchema.shape), 'model_name'];
const answerSchema = z.object({
  model_name: z.string(),
  model_version: z.string().nullish(),
  id,
  parameters: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .nullish()
    .transform((given) => given ?? {}),
  outputs: z.array(tensor),
});

/**
 * Reads a call.
 * @param headerLength bytes of the JSON, where binary tensors follow it; undefined: all is JSON
 * @throws INVALID_INPUT saying what is wrong where
 */
export function readCall(body: Buffer, headerLength?: number): InferenceCall {
  const { value, binary } = readJson(body, headerLength);
  const call = parsed(callSchema, value);
  const { outputs } = call;
  const unknown = isPlainObject(value)
    ? Object.keys(value).filter((name) => !memberNames.includes(name))
    : [];
  return {
    ...(unknown.length > 0 && { unknownMembers: unknown }),
    id: call.id,
    parameters: call.parameters,
    inputs: readTensors('input', call.inputs, binary),
    // No outputs are all outputs, as in gRPC, where the two cannot be told apart.
    outputs: outputs === undefined || outputs === null || outputs.length === 0 ? undefined : outputs,
  };
}

/** Reads an answer, as a client. @throws INVALID_INPUT for what is none */
export function readAnswer(body: Buffer, headerLength?: number): InferenceAnswer {
  const { value, binary } = readJson(body, headerLength);
  const answer = parsed(answerSchema, value);
  for (const { name, data } of answer.outputs)
    if (data?.some(holdsNull))
      throw invalidTensor(
        'output',
        name,
        ' has null among its elements, by which servers whose JSON has no other word mean NaN or either infinity',
      );
  return {
    model: answer.model_name,
    version: answer.model_version ?? '',
    id: answer.id,
    parameters: answer.parameters,
    outputs: readTensors('output', answer.outputs, binary),
  };
}

/** A message's body; `headerLength` is how many of its bytes are JSON, where binary tensors follow. */
export interface Body {
  bytes: Buffer;
  headerLength: number | undefined;
}

/** Writes a call, as a client. @param isBinary of which inputs the bytes are sent */
export function writeCall(call: InferenceCall, isBinary: (name: string) => boolean): Body {
  const { outputs } = call;
  return writeBody(
    {
      ...(call.id !== undefined && { id: call.id }),
      ...(Object.keys(call.parameters).length > 0 && { parameters: call.parameters }),
      ...(outputs !== undefined && { outputs }),
    },
    'inputs',
    call.inputs,
    isBinary,
  );
}

/** Writes an answer. @param isBinary of which outputs the bytes are sent */
export function writeAnswer(answer: InferenceAnswer, isBinary: (name: string) => boolean): Body {
  return writeBody(
    {
      model_name: answer.model,
      model_version: answer.version,
      ...(answer.id !== undefined && { id: answer.id }),
      ...(Object.keys(answer.parameters).length > 0 && { parameters: answer.parameters }),
    },
    'outputs',
    answer.outputs,
    isBinary,
  );
}

function writeBody(
  head: Record<string, unknown>,
  field: 'inputs' | 'outputs',
  tensors: ReadonlyMap<string, Tensor>,
  isBinary: (name: string) => boolean,
): Body {
  const parts: Uint8Array[] = [];
  const texts = Array.from(tensors, ([name, given]) => {
    const described = `{"name":${JSON.stringify(name)},"datatype":"${given.datatype}","shape":[${given.shape}]`;
    if (!isBinary(name)) return `${described},"data":${elementsText(given)}}`;
    const bytes = bytesOfElements(given.data);
    parts.push(bytes);
    return `${described},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  const before = JSON.stringify(head).slice(0, -1);
  const json = Buffer.from(`${before}${before === '{' ? '' : ','}"${field}":[${texts}]}`);
  if (parts.length === 0) return { bytes: json, headerLength: undefined };
  return { bytes: Buffer.concat([json, ...parts]), headerLength: json.length };
}

function readJson(body: Buffer, headerLength = body.length): { value: unknown; binary: Buffer } {
  if (headerLength > body.length)
    throw invalid(
      `Inference-Header-Content-Length is ${headerLength}, but the body has ${body.length} bytes.`,
      'Give the length of the JSON, without the binary tensors that follow it.',
    );
  const json = body.subarray(0, headerLength);
  if (!isUtf8(json)) throw invalid('The JSON is not UTF-8.', 'Encode it as UTF-8.');
  try {
    const { value } = parseExactJson(json.toString('utf8'));
    return { value, binary: body.subarray(headerLength) };
  } catch (error) {
    throw invalid(
      headerLength === 0 ? 'The body is empty.' : 'The body is no JSON.',
      'Give a JSON object; where binary tensors follow it, say its length in Inference-Header-Content-Length.',
      error,
    );
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const fault = depthFault(value);
  if (fault !== undefined) throw invalid(`The body ${fault}.`, 'Give lists and objects of fewer levels.');
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  throw invalid(
    `${path === undefined || path === '' ? 'The body' : path.replace(/^\./, '')}: ${issue?.message ?? 'wrong'}.`,
    'A call is {"inputs": [{"name", "datatype", "shape", "data"}, …]}, as the Open Inference Protocol has it.',
  );
}

function readTensors(
  kind: 'input' | 'output',
  given: readonly z.output<typeof tensor>[],
  binary: Buffer,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  let offset = 0;
  for (const one of given) {
    const { name, datatype, shape, data } = one;
    if (tensors.has(name)) throw invalidTensor(kind, name, ' is given twice');
    const size = binarySize(kind, one);
    if (size === undefined) {
      const read = tensorOfJson({ datatype, shape, data: exactData(datatype, data ?? []) });
      if (typeof read === 'string') throw invalidTensor(kind, name, read);
      tensors.set(name, read);
      continue;
    }
    if (offset + size > binary.length)
      throw invalidTensor(
        kind,
        name,
        ` has ${size} bytes, but ${binary.length - offset} are left in the body`,
      );
    const read = tensorOfBytes(datatype, shape, binary.subarray(offset, offset + size));
    if (typeof read === 'string') throw invalidTensor(kind, name, read);
    tensors.set(name, read);
    offset += size;
  }
  if (offset < binary.length)
    throw invalid(
      `${binary.length - offset} bytes follow the binary tensors.`,
      'Say in binary_data_size of each binary tensor how many bytes it has.',
    );
  return tensors;
}

/** What MLServer's clients say of their tensors, of those contents that are no encoding of something else. */
const plainContentTypes = ['np', 'pd', 'str'];

/** How many of the bytes after the JSON are a tensor's; undefined: its elements are in the JSON. */
function binarySize(
  kind: 'input' | 'output',
  { name, parameters: own, data }: z.output<typeof tensor>,
): number | undefined {
  if (Object.hasOwn(own, 'shared_memory_region'))
    throw invalidTensor(kind, name, ' is in shared memory, which is not served');
  const { content_type: contentType = 'np', binary_data_size: size } = own;
  if (kind === 'input' && !plainContentTypes.some((known) => known === contentType))
    throw invalidTensor(
      kind,
      name,
      ` has the content_type ${JSON.stringify(contentType).slice(0, 40)}, but elements are taken as they stand`,
    );
  if (size === undefined) {
    if (data !== undefined && data !== null) return undefined;
    throw invalidTensor(kind, name, ' has neither data nor binary_data_size');
  }
  if (data !== undefined && data !== null)
    throw invalidTensor(kind, name, ' has both data and binary_data_size');
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size;
  throw invalidTensor(kind, name, ' has a binary_data_size that is no number of bytes');
}

function holdsNull(element: unknown): boolean {
  return element === null || (Array.isArray(element) && element.some(holdsNull));
}

/** Whole numbers that a double does not hold are bigint, see parseExactJson. */
function exactData(datatype: DatatypeName, data: unknown[]): unknown[] {
  const exact = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(exact);
    if (typeof value !== 'bigint') return value;
    return datatype === 'INT64' || datatype === 'UINT64' ? String(value) : Number(value);
  };
  const isExact = (value: unknown): boolean =>
    Array.isArray(value) ? value.every(isExact) : typeof value !== 'bigint';
  return isExact(data) ? data : data.map(exact);
}

function invalidTensor(kind: 'input' | 'output', name: string, what: string): ModelYardError {
  return invalid(
    `The ${kind} ${JSON.stringify(name.slice(0, 80))}${what}.`,
    kind === 'input' ? 'Correct it; the model’s metadata names its inputs.' : 'The server answered wrongly.',
  );
}

function invalid(message: string, hint: string, cause?: unknown): ModelYardError {
  return new ModelYardError('INVALID_INPUT', message, hint, { cause });
}
