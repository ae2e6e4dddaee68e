import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { EmptyResultSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Ask } from '../access/approval.ts';
import { signalOf } from '../cancelling.ts';
import { ModelYardError, messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { DirectCall } from './direct_calls.ts';

/** One choice, which has to be made: a client that accepts without showing it has not asked anybody. */
const answerSchema = {
  type: 'object' as const,
  properties: { answer: { type: 'string' as const, title: 'Make this change?', enum: ['yes', 'no'] } },
  required: ['answer'],
};

export interface AskingDependencies {
  /** How long a question to the person at the client waits for the answer, milliseconds. */
  askTimeoutMs: number;
  /** Aborted when the client's input ends: from then on nobody answers. */
  inputEnded: AbortSignal;
  logger: Logger;
}

type AskingCall = Pick<DirectCall, 'cancelling' | 'requestId'>;

/** How the person at the client is asked during a call; undefined where the client did not say that it can. */
export function createAsking(
  server: Server,
  { askTimeoutMs, inputEnded, logger }: AskingDependencies,
): (call: AskingCall) => Ask | undefined {
  let passedZero = false;
  /** Clients with this SDK do not take back a request with the id 0, a server's first: a ping has it. */
  const passZero = ({ requestId }: AskingCall) => {
    if (passedZero) return;
    passedZero = true;
    // With the call that asks, so that it goes where the question goes.
    server
      .request({ method: 'ping' }, EmptyResultSchema, { relatedRequestId: requestId })
      .catch(() => undefined);
  };
  const cancelled = () =>
    new ModelYardError(
      'CANCELLED',
      'The call was cancelled.',
      'Nothing was changed: call again if it is wanted.',
    );
  const ask = async (call: AskingCall, question: string) => {
    if (call.cancelling.aborted) throw cancelled();
    if (inputEnded.aborted) return 'unanswered';
    passZero(call);
    // The SDK takes a question back whenever its signal is aborted, also when it has long been answered.
    const asked = new AbortController();
    const withdrawn = AbortSignal.any([signalOf(call.cancelling), inputEnded]);
    const withdraw = () => asked.abort(withdrawn.reason);
    withdrawn.addEventListener('abort', withdraw);
    try {
      const { action, content } = await server.elicitInput(
        { mode: 'form', message: question, requestedSchema: answerSchema },
        { timeout: askTimeoutMs, signal: asked.signal, relatedRequestId: call.requestId },
      );
      if (call.cancelling.aborted) throw cancelled();
      if (action === 'decline' || (action === 'accept' && content?.answer === 'no')) return 'declined';
      return action === 'accept' && content?.answer === 'yes' ? 'accepted' : 'unanswered';
    } catch (error) {
      if (call.cancelling.aborted) throw cancelled();
      logger.info('a question to the person at the client was not answered', { detail: messageOf(error) });
      return 'unanswered';
    } finally {
      withdrawn.removeEventListener('abort', withdraw);
    }
  };
  return (call) => {
    const canAsk = server.getClientCapabilities()?.elicitation?.form !== undefined;
    return canAsk ? (question) => ask(call, question) : undefined;
  };
}
