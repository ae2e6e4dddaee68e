import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ModelYardError } from '../errors.ts';
import type { HttpContext } from './http_context.ts';
import { errorOf, statusOf } from './http_error.ts';

/** How a protocol shows an error: the body. */
type ErrorBody = (error: ModelYardError, status: number) => object;

/** The body of an error where the protocol has no form of its own: as tools have it. */
export const plainError: ErrorBody = ({ code, message, hint, retryable }) => ({
  error: { code, message, hint, retryable },
});

/** Turns anything thrown into an answer, for `setErrorHandler` of a protocol's scope. */
export function errorHandler({ options, logger, isReady }: HttpContext, bodyOf: ErrorBody) {
  return (thrown: FastifyError, { raw }: FastifyRequest, reply: FastifyReply): void => {
    const error = errorOf(thrown, options.maxBodyBytes);
    if (error.code === 'INTERNAL' && error.cause !== undefined && error !== thrown)
      logger.error('a request failed', { error: thrown });
    const { status, headers } = statusOf(error);
    // Fastify closes the connection where a body was not taken. While more of it comes in, the system answers that with a reset,
    // which can overtake the answer: its client would not learn what was wrong.
    if (reply.hasHeader('connection')) {
      const stays = reply.raw.shouldKeepAlive && (isReady() || !raw.complete);
      reply.header('connection', stays ? 'keep-alive' : 'close');
    }
    void reply.code(status).headers(headers).send(bodyOf(error, status));
  };
}
