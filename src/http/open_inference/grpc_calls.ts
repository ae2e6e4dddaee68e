import {
  type handleUnaryCall,
  type Metadata,
  type MethodDefinition,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import type { Caller, Permission } from '../../access/roles.ts';
import { knownError } from '../../call_error.ts';
import { CallCancelling } from '../../cancelling.ts';
import { messageType } from '../../open_inference/protobuf.ts';
import type { Services } from '../../services.ts';
import { traceIdOf } from '../../telemetry/trace_context.ts';
import type { HttpContext } from '../http_context.ts';
import { statusOfError } from './grpc_status.ts';

export type Message = Record<string, unknown>;

/** A method with one message each way. */
export interface UnaryMethod {
  name: string;
  /** `none`: anybody may, without a token. */
  permission: Permission | 'none';
  answer(message: Message, call: UnaryCall): Message | Promise<Message>;
}

interface UnaryCall {
  context: HttpContext;
  services: Services;
  cancelling: CallCancelling;
  traceId: string | undefined;
}

/** A method of a service by the full names of its messages. */
export function methodDefinition(
  path: string,
  messages: { request: string; response: string },
  responseStream = false,
): MethodDefinition<Message, Message> {
  const [request, response] = [messageType(messages.request), messageType(messages.response)];
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  };
}

/** Who calls, by the metadata of the call. */
const callers = new WeakMap<Metadata, Caller>();

/**
 * Asks who calls before the message is read, and counts the call as under way until its answer has gone out.
 * @param isOpen whether anybody may call the method of that path
 */
export function admitting(context: HttpContext, isOpen: (path: string) => boolean): ServerInterceptor {
  return ({ path }, call) => {
    if (isOpen(path)) return new ServerInterceptingCall(call);
    let isUnderWay = true;
    const end = () => {
      if (isUnderWay) context.underWay.end();
      isUnderWay = false;
    };
    context.underWay.begin();
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, proceed) {
            const [authorization] = metadata.get('authorization');
            context.admit(authorization?.toString(), addressOf(call.getPeer())).then(
              (caller) => {
                callers.set(metadata, caller);
                proceed(metadata);
              },
              (thrown: unknown) => {
                end();
                call.sendStatus(statusOfError(knownError(thrown)));
              },
            );
          },
          onCancel: end,
        }),
      // It follows a message that has been written.
      sendStatus(status, next) {
        end();
        next(status);
      },
    });
  };
}

/** Answers by the rules of all calls. */
export function unaryHandler(context: HttpContext, method: UnaryMethod): handleUnaryCall<Message, Message> {
  return (call, callback) => {
    const cancelling = new CallCancelling();
    call.once('cancelled', () => cancelling.abort());
    const [traceparent] = call.metadata.get('traceparent');
    const traceId = traceIdOf(traceparent?.toString());
    const answer = async (services: Services) =>
      method.answer(call.request, { context, services, cancelling, traceId });
    const caller = callers.get(call.metadata);
    const { name, permission } = method;
    const answered =
      permission === 'none'
        ? context.services().then(answer)
        : context.carryOut(
            { name, permission },
            () => ({}),
            { caller: known(caller), cancelling, traceId },
            answer,
          );
    answered.then(
      (message) => callback(null, message),
      (thrown: unknown) => callback(statusOfError(knownError(thrown))),
    );
  };
}

/** The caller of a method that asks who calls: the interceptor let nobody else through. */
function known(caller: Caller | undefined): Caller {
  if (caller === undefined) throw new Error('a call came past the question who calls');
  return caller;
}

/** `1.2.3.4:567` and `[::1]:567` without the port. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
