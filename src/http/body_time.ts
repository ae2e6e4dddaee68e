import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpRefusal } from './http_error.ts';

/** How long a body may take to come in, where its route has no other bound, milliseconds. */
const bodyMs = 30_000;

/**
 * Bounds the time in which the body of a request comes in: then it is refused. What still comes in after the answer, since that
 * did not need the body, is read and passed over, so that the connection's next request is answered; but no longer than a
 * body may take.
 */
export function boundBodyTime({ raw, headers, routeOptions }: FastifyRequest, reply: FastifyReply): void {
  if (headers['transfer-encoding'] === undefined && !(Number(headers['content-length'] ?? 0) > 0)) return;
  const { socket } = raw;
  let timer = setTimeout(() => {
    if (reply.raw.headersSent) socket.destroy();
    else void reply.send(tooLate());
  }, routeOptions.config.bodyTimeoutMs ?? bodyMs);
  const stop = () => clearTimeout(timer);
  raw.once('end', stop).once('close', stop);
  reply.raw.once('finish', () => {
    stop();
    if (raw.complete) return;
    timer = setTimeout(() => {
      if (!raw.complete) socket.destroy();
    }, bodyMs);
  });
}

function tooLate(): HttpRefusal {
  return new HttpRefusal(408, 'TIMEOUT', 'The body did not come in in time.', 'Send it faster.', {
    headers: { connection: 'close' },
  });
}
