import type { Readable, Writable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  type JSONRPCRequest,
} from '@modelcontextprotocol/sdk/types.js';
import type { DirectCalls } from './direct_calls.ts';
import { isRequest, withoutEmpty } from './given_message.ts';

/** The longest message taken; a longer one is answered with an error and skipped. */
const maxMessageBytes = 64 * 1024 * 1024;

const newline = 10;

export interface StdioTransport extends Transport {
  /** Resolves when the client is gone: the end of input, or an output nobody reads any more. */
  ended: Promise<void>;
  /** Resolves when every request that came in has been answered and the answers are written. */
  idle(): Promise<void>;
  /** Takes calls of tools before the SDK sees them. */
  directCalls?: DirectCalls;
}

/**
 * MCP over standard input and output: one JSON message a line. Unlike the SDK's own transport it knows which
 * requests are unanswered, so that a server whose input ends can answer first, and it waits for a slow
 * reader with one listener however many answers wait.
 */
export function stdioTransport(input: Readable, output: Writable): StdioTransport {
  const unanswered = new Set<string | number>();
  let waitingForIdle: (() => void)[] = [];
  let draining: Promise<void> | undefined;
  let declareEnded: () => void = () => undefined;

  const settleIdle = () => {
    if (unanswered.size > 0) return;
    const settled = waitingForIdle;
    waitingForIdle = [];
    for (const resolve of settled) resolve();
  };

  const answered = (id: string | number) => {
    unanswered.delete(id);
    settleIdle();
  };

  /** What is answered in one turn of the event loop goes out in one write. */
  let unwritten = '';
  let writing: Promise<void> | undefined;
  const writeAll = (): Promise<void> | undefined => {
    const text = unwritten;
    unwritten = '';
    writing = undefined;
    if (text === '' || output.write(text)) return undefined;
    draining ??= new Promise<void>((resolve) => output.once('drain', resolve)).finally(() => {
      draining = undefined;
    });
    return draining;
  };

  /** Resolves when it is written as far as the output takes it. */
  const write = (text: string): Promise<void> => {
    unwritten += text;
    writing ??= new Promise((resolve) => process.nextTick(() => resolve(writeAll())));
    return writing;
  };

  const transport: StdioTransport = {
    ended: new Promise((resolve) => {
      declareEnded = resolve;
    }),

    async start() {
      input.on('data', reader);
      input.once('end', declareEnded);
      input.once('close', declareEnded);
      // Every answer that cannot be written is an error of its own; one without a listener ends the process.
      input.on('error', declareEnded);
      output.on('error', () => {
        // The reader is gone: nothing that waits can be answered.
        unanswered.clear();
        settleIdle();
        declareEnded();
      });
    },

    async send(message) {
      const written = write(`${JSON.stringify(message)}\n`);
      if ('id' in message && message.id !== undefined && !('method' in message)) answered(message.id);
      await written;
    },

    async idle() {
      // Requests that were read in the last moment reach the server first.
      await new Promise((resolve) => setImmediate(resolve));
      if (unanswered.size > 0) await new Promise<void>((resolve) => waitingForIdle.push(resolve));
      void writeAll();
      if (output.writable) await new Promise((resolve) => output.write('', resolve));
    },

    async close() {
      input.off('data', reader);
      input.pause();
      transport.directCalls?.close();
      transport.onclose?.();
    },
  };

  const receive = (line: string) => {
    let message: JSONRPCMessage;
    try {
      const given = withoutEmpty(JSON.parse(line));
      if (isRequest(given) && given.method === 'tools/call' && takeDirectly(given)) return;
      message = JSONRPCMessageSchema.parse(given);
    } catch {
      // The schema's own message is hundreds of lines about every kind of message that it is not.
      transport.onerror?.(new Error(`a line of ${line.length} characters is no JSON-RPC message`));
      refuse(line, -32700, 'The message is not JSON-RPC.');
      return;
    }
    if ('method' in message && 'id' in message) unanswered.add(message.id);
    if ('method' in message && message.method === 'notifications/cancelled') {
      // A cancelled request gets no answer.
      const requestId = message.params?.requestId;
      if (typeof requestId === 'string' || typeof requestId === 'number') {
        unanswered.delete(requestId);
        transport.directCalls?.cancel(requestId);
      }
    }
    transport.onmessage?.(message);
    settleIdle();
  };

  const takeDirectly = (request: JSONRPCRequest): boolean => {
    const { id } = request;
    const isTaken = transport.directCalls?.take(request, (members) => {
      void write(`{${members},"jsonrpc":"2.0","id":${JSON.stringify(id)}}\n`);
      answered(id);
    });
    // An answer comes in a later turn.
    if (isTaken) unanswered.add(id);
    return isTaken === true;
  };

  /** Answers what cannot be read as a message, if an id can be found in it. */
  const refuse = (text: string, code: number, reason: string) => {
    const id = /"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,15})/.exec(text.slice(0, 10_000))?.[1];
    if (id !== undefined)
      void write(
        `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${JSON.stringify(reason)}}}\n`,
      );
  };

  const reader = lineReader(receive, (beginning) =>
    refuse(
      beginning,
      -32600,
      `The message is longer than ${maxMessageBytes} bytes. Send fewer rows in one call.`,
    ),
  );
  return transport;
}

/** Splits chunks into lines; a line above the limit is dropped and its beginning reported. */
function lineReader(
  onLine: (line: string) => void,
  onTooLong: (beginning: string) => void,
): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  let dropping = false;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const last = chunk.subarray(start, end);
      start = end + 1;
      const line = parts.length === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      held = 0;
      const text = line.toString('utf8').trim();
      if (!dropping && text !== '') onLine(text);
      dropping = false;
    }
    const rest = chunk.subarray(start);
    if (rest.length === 0 || dropping) return;
    parts.push(rest);
    held += rest.length;
    if (held <= maxMessageBytes) return;
    onTooLong(Buffer.concat(parts.slice(0, 1)).toString('utf8'));
    parts = [];
    held = 0;
    dropping = true;
  };
}
