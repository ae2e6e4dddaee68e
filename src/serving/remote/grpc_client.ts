import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { AnswerTooLarge, ConnectionFailure, maxRunBytes, repeatUnsent } from './connection_failure.ts';
import type { Refusal } from './engine_errors.ts';
import { shownText } from './engine_errors.ts';

/** An answer, or why there is none. */
export type GrpcAnswer = { bytes: Buffer } | { refusal: Refusal };

interface GrpcClient {
  /**
   * Calls a method of the protocol's service with an encoded message.
   * @throws ConnectionFailure, AnswerTooLarge; the signal's reason where that was aborted
   */
  call(method: string, message: Buffer, signal: AbortSignal): Promise<GrpcAnswer>;
  close(): void;
}

/** The longest message that gRPC has, bytes. */
export const maxMessageBytes = 2 ** 31 - 1;

const service = 'inference.GRPCInferenceService';
const asItIs = (bytes: Buffer) => bytes;

/** gRPC to one server, on one connection that is kept. A call is repeated only where nothing was sent. */
export function createGrpcClient(to: {
  url: string;
  headers: Readonly<Record<string, string>>;
  caFile: string | undefined;
}): GrpcClient {
  const { protocol, hostname, port } = new URL(to.url);
  const isSecure = protocol === 'https:';
  const client = new Client(
    `${hostname}:${port === '' ? (isSecure ? 443 : 80) : port}`,
    isSecure
      ? credentials.createSsl(to.caFile === undefined ? null : readFileSync(to.caFile))
      : credentials.createInsecure(),
    {
      'grpc.max_receive_message_length': maxRunBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      // An engine that is back is found soon.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
      'grpc.use_local_subchannel_pool': 1,
    },
  );
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(to.headers)) metadata.set(name.toLowerCase(), value);

  const callOnce = (method: string, message: Buffer, signal: AbortSignal) =>
    new Promise<GrpcAnswer>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let hasBegun = false;
      const call = client.makeUnaryRequest(
        `/${service}/${method}`,
        asItIs,
        asItIs,
        message,
        metadata.clone(),
        (error: ServiceError | null, bytes?: Buffer) => {
          signal.removeEventListener('abort', leave);
          if (error === null) resolve({ bytes: bytes ?? Buffer.alloc(0) });
          else if (signal.aborted) reject(signal.reason);
          else {
            const outcome = outcomeOf(error, hasBegun);
            if (outcome instanceof Error) reject(outcome);
            else resolve({ refusal: outcome });
          }
        },
      );
      const leave = () => call.cancel();
      call.once('metadata', () => {
        hasBegun = true;
      });
      signal.addEventListener('abort', leave, { once: true });
    });

  return {
    call: (method, message, signal) => repeatUnsent(() => callOnce(method, message, signal), signal),
    close: () => client.close(),
  };
}

/** Statuses that a client gives itself where no answer came, as servers may too. */
const ofConnection: readonly number[] = [
  status.UNAVAILABLE,
  status.INTERNAL,
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
];

/** @param hasBegun whether the server has begun to answer */
function outcomeOf(error: ServiceError, hasBegun: boolean): Refusal | Error {
  const { code, details } = error;
  // What a server sends has headers of its own, or comes after them.
  const isOfServer = hasBegun || Object.keys(error.metadata.getMap()).length > 0;
  if (code === status.RESOURCE_EXHAUSTED && /larger than max/.test(details))
    return new AnswerTooLarge(`more than ${maxRunBytes} bytes`);
  if (ofConnection.includes(code) && !isOfServer)
    return new ConnectionFailure(shownText(details), {
      isUnsent: details.startsWith('No connection established'),
      cause: error,
    });
  return { why: reasons.get(code) ?? 'other', status: `gRPC ${status[code]}`, said: shownText(details) };
}

const reasons: ReadonlyMap<number, Refusal['why']> = new Map([
  [status.RESOURCE_EXHAUSTED, 'too_busy'],
  [status.UNAUTHENTICATED, 'not_let_in'],
  [status.PERMISSION_DENIED, 'not_let_in'],
  [status.UNAVAILABLE, 'not_ready'],
]);
