/**
 * The engine host: a child process that holds one model. It reads a request from standard input, carries it
 * out and writes the answer to standard output, one after the other, blocking: onnxruntime blocks its thread
 * anyway, and a blocking pipe wakes up faster than an event loop. It ends when its input ends; a worker
 * thread watches a second pipe, so that it also ends in the middle of a run when the server dies.
 */
import { readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { messageOf, systemCodeOf } from '../../errors.ts';
import { datatype, datatypeOfRuntime, maxRank, type TensorData } from '../../tensors/datatypes.ts';
import { describeGraph, describeOrigin } from '../graph/describe_graph.ts';
import { localeEdits } from '../graph/locale.ts';
import { phrasesIn, plainMessage } from '../graph/plain_message.ts';
import { prepareModel } from '../graph/prepare_model.ts';
import type { Graph } from '../graph/read_graph.ts';
import { rowIndependence } from '../graph/rows/row_independence.ts';
import { servingGraph } from '../graph/serving_graph.ts';
import type { NamedDimensions } from './protocol.ts';
import {
  framePrefixBytes,
  framer,
  type HostAnswer,
  type HostRequest,
  headerParser,
  maxBodyBytes,
  maxOutputElements,
  type NamedTensors,
  packTensors,
  parseRequest,
  unpackTensors,
} from './protocol.ts';
import { readArtifact, type StoredModel } from './read_artifact.ts';
import { reasonFirst } from './runtime_message.ts';

const requestPipe = 0;
const answerPipe = 1;

/** A model's names are in the runtime's messages, and can be megabytes long. */
const maxMessageLength = 2000;

interface Answer {
  header: HostAnswer;
  body?: Uint8Array[];
  /** Milliseconds. */
  runMs?: number;
}

let session: InferenceSession | undefined;
/** What the model calls its nodes that must not stand in a message as it is. */
let phrases: readonly string[] = [];

async function load(request: Extract<HostRequest, { operation: 'load' }>): Promise<Answer> {
  const stored = readArtifact(request.path, request.sha256);
  if (stored === undefined) return { header: { status: 'artifact_mismatch' } };
  const { graph, bytes } = prepareModel(stored.model, { isPacked: stored.tensors !== undefined });
  phrases = phrasesIn(graph);
  session = await createSession(graph, bytes, request.threads, stored.tensors ?? []);
  return {
    header: {
      status: 'loaded',
      rows: rowIndependence(
        graph,
        session.outputMetadata.flatMap(({ name, isTensor }) => (isTensor ? [name] : [])),
      ),
      ...describeOrigin(graph),
      dimensions: session.inputMetadata.flatMap(namedDimensions),
      ...describeGraph(
        graph,
        session.inputMetadata.map(describeValue),
        session.outputMetadata.map(describeValue),
      ),
    },
  };
}

async function createSession(
  graph: Graph,
  bytes: Uint8Array,
  threads: number,
  externalData: NonNullable<StoredModel['tensors']>,
): Promise<InferenceSession> {
  const options = {
    ...(externalData.length > 0 && { externalData }),
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

function namedDimensions(value: InferenceSession.ValueMetadata): NamedDimensions[] {
  if (!value.isTensor) return [];
  const names = value.shape.map((dimension) =>
    typeof dimension === 'string' && dimension !== '' ? dimension : null,
  );
  return names.some((name) => name !== null) ? [{ input: value.name, names }] : [];
}

async function run(request: Extract<HostRequest, { operation: 'run' }>, body: Uint8Array): Promise<Answer> {
  const loaded = session;
  if (loaded === undefined) return { header: { status: 'failed', message: 'no model is loaded' } };
  const feeds: Record<string, RuntimeTensor> = Object.create(null);
  for (const [name, tensor] of unpackTensors(request.tensors, body)) {
    const { runtimeType } = datatype(tensor.datatype);
    feeds[name] = Reflect.construct(RuntimeTensor, [runtimeType, tensor.data, tensor.shape]);
  }
  const started = performance.now();
  const results = await loaded.run(feeds, request.fetches);
  const runMs = performance.now() - started;
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
    if (result.dims.length > maxRank)
      return {
        header: {
          status: 'failed',
          message: `the output ${name} has ${result.dims.length} dimensions; at most ${maxRank} are served`,
        },
      };
    outputs.set(name, { datatype: datatypeName, shape: [...result.dims], data: elementsOf(result) });
  }
  const packed = packTensors(outputs);
  const bytes = packed.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  if (bytes > maxBodyBytes)
    return { header: { status: 'failed', message: `the outputs take ${bytes} bytes` } };
  return { header: { status: 'ran', tensors: packed.tensors }, body: packed.body, runMs };
}

/**
 * The runtime puts each run behind setImmediate, though it then blocks the thread all the same: a turn of the event loop takes
 * longer than a small run. Here it runs at once.
 */
const inLaterTurn = globalThis.setImmediate;
Reflect.set(globalThis, 'setImmediate', (callback: () => void) => callback());

/** The event loop gets a turn, in which the memory of old tensors is given back, after so many runs … */
const runsBetweenTurns = 64;
/** … or bytes that went in and out. */
const bytesBetweenTurns = 4 * 1024 * 1024;
let runsSinceTurn = 0;
let bytesSinceTurn = 0;

/** @param bytes of the request and the answer */
async function giveTurn(bytes: number): Promise<void> {
  bytesSinceTurn += bytes;
  if (++runsSinceTurn < runsBetweenTurns && bytesSinceTurn < bytesBetweenTurns) return;
  runsSinceTurn = 0;
  bytesSinceTurn = 0;
  await new Promise((resolve) => inLaterTurn(resolve));
}

function elementsOf(tensor: RuntimeTensor): TensorData {
  const { data } = tensor;
  if (data instanceof Uint8ClampedArray) return new Uint8Array(data);
  return Array.isArray(data) ? data.map(String) : data;
}

/** What has come and is not read yet: the bytes of `inbox` from `unreadFrom` to `unreadTo`. */
const inbox = Buffer.allocUnsafe(64 * 1024);
let unreadFrom = 0;
let unreadTo = 0;

interface Frame {
  header: Buffer;
  body: Buffer;
}

/**
 * Reads one frame, or undefined at the end of input. One that fits into the inbox is read in one go where it has come whole,
 * and stays there: its bytes are overwritten by the next.
 */
function readFrame(): Frame | undefined {
  const prefixAt = readAhead(framePrefixBytes);
  if (prefixAt === undefined) return undefined;
  const headerBytes = inbox.readUInt32LE(prefixAt);
  const bodyBytes = inbox.readUInt32LE(prefixAt + 4);
  const bytes = headerBytes + bodyBytes;
  if (bytes > inbox.length) {
    const header = readExactly(headerBytes);
    const body = header && readExactly(bodyBytes);
    return body && { header, body };
  }
  const at = readAhead(bytes);
  if (at === undefined) return undefined;
  return {
    header: inbox.subarray(at, at + headerBytes),
    body: inbox.subarray(at + headerBytes, at + bytes),
  };
}

/** Takes `length` bytes, no more than the inbox has room for, as they stand in it. @returns where; undefined at the end of input */
function readAhead(length: number): number | undefined {
  if (unreadFrom + length > inbox.length || unreadFrom === unreadTo) {
    inbox.copyWithin(0, unreadFrom, unreadTo);
    unreadTo -= unreadFrom;
    unreadFrom = 0;
  }
  while (unreadTo - unreadFrom < length) {
    const count = readInto(inbox, unreadTo);
    if (count === 0) return undefined;
    unreadTo += count;
  }
  const at = unreadFrom;
  unreadFrom += length;
  return at;
}

/** Reads exactly `length` bytes into memory of their own, or undefined at the end of input. */
function readExactly(length: number): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(length);
  let filled = inbox.copy(buffer, 0, unreadFrom, Math.min(unreadTo, unreadFrom + length));
  unreadFrom += filled;
  while (filled < length) {
    const count = readInto(buffer, filled);
    if (count === 0) return undefined;
    filled += count;
  }
  return buffer;
}

function readInto(buffer: Buffer, offset: number): number {
  return retryWhileBusy(() => readSync(requestPipe, buffer, offset, buffer.length - offset, null));
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
  const parseHeader = headerParser(parseRequest);
  const frame = framer();
  for (;;) {
    const asked = readFrame();
    if (asked === undefined) return;
    const { body } = asked;
    const request = parseHeader(asked.header);
    let answer: Answer;
    try {
      answer = request.operation === 'load' ? await load(request) : await run(request, body);
    } catch (error) {
      answer = {
        header: {
          status: 'failed',
          message: reasonFirst(plainMessage(messageOf(error), phrases)).slice(0, maxMessageLength),
        },
      };
    }
    const parts = frame(answer.header, answer.body, answer.runMs);
    for (const part of parts) writeAll(part);
    await giveTurn(body.length + parts.reduce((sum, part) => sum + part.length, 0));
  }
}

// From Node 24 on onnxruntime makes a Float16Array of every float16 tensor, and its native half then finds it
// empty: without that class it keeps to the bits, as on older versions.
Reflect.deleteProperty(globalThis, 'Float16Array');
// A terminal's Ctrl-C and its end reach every process of the server; the server decides what becomes of its hosts.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
new Worker(new URL('./host_lifeline.js', import.meta.url), { workerData: process.argv[2] }).unref();
serve().then(
  () => process.exit(0),
  () => process.exit(1),
);
