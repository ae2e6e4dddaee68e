/**
 * The engine host: a child process that holds one model. It reads a request from standard input, carries it
 * out and writes the answer to standard output, one after the other, blocking: onnxruntime blocks its thread
 * anyway, and a blocking pipe wakes up faster than an event loop. It ends when its input ends; a worker
 * thread watches a second pipe, so that it also ends in the middle of a run when the server dies.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { messageOf, systemCodeOf } from '../../errors.ts';
import { datatype, datatypeOfRuntime, type TensorData } from '../codec/datatypes.ts';
import { describeGraph, describeOrigin } from '../graph/describe_graph.ts';
import { localeEdits } from '../graph/locale.ts';
import { phrasesIn, plainMessage } from '../graph/plain_message.ts';
import { prepareModel } from '../graph/prepare_model.ts';
import type { Graph } from '../graph/read_graph.ts';
import { servingGraph } from '../graph/serving_graph.ts';
import {
  frame,
  framePrefixBytes,
  type HostAnswer,
  type HostRequest,
  maxBodyBytes,
  maxOutputElements,
  type NamedTensors,
  packTensors,
  unpackTensors,
} from './protocol.ts';

const requestPipe = 0;
const answerPipe = 1;

/** A model's names are in the runtime's messages, and can be megabytes long. */
const maxMessageLength = 2000;

interface Answer {
  header: HostAnswer;
  body?: Uint8Array[];
}

let session: InferenceSession | undefined;
/** What the model calls its nodes that must not stand in a message as it is. */
let phrases: readonly string[] = [];

async function load(request: Extract<HostRequest, { operation: 'load' }>): Promise<Answer> {
  let model: Buffer;
  try {
    model = readFileSync(request.path);
  } catch {
    return { header: { status: 'artifact_mismatch' } };
  }
  // The very bytes that were hashed are loaded, not the file once more.
  if (createHash('sha256').update(model).digest('hex') !== request.sha256)
    return { header: { status: 'artifact_mismatch' } };
  const { graph, bytes } = prepareModel(model);
  phrases = phrasesIn(graph);
  session = await createSession(graph, bytes, request.threads);
  return {
    header: {
      status: 'loaded',
      ...describeOrigin(graph),
      ...describeGraph(
        graph,
        session.inputMetadata.map(describeValue),
        session.outputMetadata.map(describeValue),
      ),
    },
  };
}

async function createSession(graph: Graph, bytes: Uint8Array, threads: number): Promise<InferenceSession> {
  const options = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3 as const,
    // Never guess the format: only ONNX has been checked for what it may read.
    extra: { session: { intra_op: { allow_spinning: '0' }, load_model_format: 'ONNX' } },
  };
  try {
    return await InferenceSession.create(bytes, options);
  } catch (error) {
    const edits = /locale/i.test(messageOf(error)) ? localeEdits(graph) : [];
    if (process.platform !== 'linux' || edits.length === 0) throw error;
    return InferenceSession.create(servingGraph(graph, edits), options);
  }
}

function describeValue(value: InferenceSession.ValueMetadata) {
  if (!value.isTensor) return { name: value.name, isTensor: false, type: 'sequence or map', shape: [] };
  // A free dimension is a name or "" here.
  const shape = value.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  return { name: value.name, isTensor: true, type: value.type, shape };
}

async function run(request: Extract<HostRequest, { operation: 'run' }>, body: Uint8Array): Promise<Answer> {
  if (session === undefined) return { header: { status: 'failed', message: 'no model is loaded' } };
  const feeds: Record<string, RuntimeTensor> = Object.create(null);
  for (const [name, tensor] of unpackTensors(request.tensors, body)) {
    const { runtimeType } = datatype(tensor.datatype);
    feeds[name] = Reflect.construct(RuntimeTensor, [runtimeType, tensor.data, tensor.shape]);
  }
  const results = await session.run(feeds, request.fetches);
  const elements = request.fetches.reduce((sum, name) => sum + (results[name]?.size ?? 0), 0);
  if (elements > maxOutputElements) return { header: { status: 'too_large', elements } };
  const outputs: NamedTensors = new Map();
  for (const name of request.fetches) {
    const result = results[name];
    const datatypeName = result === undefined ? undefined : datatypeOfRuntime(result.type);
    if (result === undefined || datatypeName === undefined)
      return {
        header: {
          status: 'failed',
          message: `the output ${name} is missing or of a type that is not served`,
        },
      };
    outputs.set(name, { datatype: datatypeName, shape: [...result.dims], data: elementsOf(result) });
  }
  const packed = packTensors(outputs);
  const bytes = packed.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  if (bytes > maxBodyBytes)
    return { header: { status: 'failed', message: `the outputs take ${bytes} bytes` } };
  return { header: { status: 'ran', tensors: packed.tensors }, body: packed.body };
}

function elementsOf(tensor: RuntimeTensor): TensorData {
  const { data } = tensor;
  if (data instanceof Uint8ClampedArray) return new Uint8Array(data);
  return Array.isArray(data) ? data.map(String) : data;
}

const chunk = Buffer.allocUnsafe(64 * 1024);
let unread = chunk.subarray(0, 0);

/** Reads exactly `length` bytes, or undefined at the end of input. Small reads take what has come in one go. */
function readExactly(length: number): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(length);
  let filled = unread.copy(buffer, 0, 0, length);
  unread = unread.subarray(filled);
  while (filled < length) {
    const missing = length - filled;
    const target = missing < chunk.length ? chunk : buffer.subarray(filled);
    const count = retryWhileBusy(() => readSync(requestPipe, target, 0, target.length, null));
    if (count === 0) return undefined;
    const taken = target === chunk ? chunk.copy(buffer, filled, 0, Math.min(count, missing)) : count;
    if (target === chunk) unread = chunk.subarray(taken, count);
    filled += taken;
  }
  return buffer;
}

function writeAll(buffer: Buffer): void {
  let written = 0;
  while (written < buffer.length)
    written += retryWhileBusy(() => writeSync(answerPipe, buffer, written, buffer.length - written));
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** The pipes block; where a platform hands them over non-blocking all the same, wait a millisecond. */
function retryWhileBusy(operation: () => number): number {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

async function serve(): Promise<void> {
  for (;;) {
    const prefix = readExactly(framePrefixBytes);
    const header = prefix && readExactly(prefix.readUInt32LE(0));
    const body = prefix && readExactly(prefix.readUInt32LE(4));
    if (header === undefined || body === undefined) return;
    const request: HostRequest = JSON.parse(header.toString('utf8'));
    let answer: Answer;
    try {
      answer = request.operation === 'load' ? await load(request) : await run(request, body);
    } catch (error) {
      answer = {
        header: {
          status: 'failed',
          message: plainMessage(messageOf(error), phrases).slice(0, maxMessageLength),
        },
      };
    }
    for (const part of frame(answer.header, answer.body)) writeAll(part);
  }
}

// From Node 24 on onnxruntime makes a Float16Array of every float16 tensor, and its native half then finds it
// empty: without that class it keeps to the bits, as on older versions.
Reflect.deleteProperty(globalThis, 'Float16Array');
new Worker(new URL('./host_lifeline.js', import.meta.url), { workerData: process.argv[2] }).unref();
serve().then(
  () => process.exit(0),
  () => process.exit(1),
);
