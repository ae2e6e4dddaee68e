import type { FastifyReply, FastifyRequest } from 'fastify';
import { createDeadlines, type Timed } from '../deadlines.ts';
import { HttpRefusal } from './http_error.ts';

/** How long a body may take to come in, where its route has no other bound, milliseconds. */
const bodyMs = 30_000;

/** A body that comes in. */
interface Body extends Timed {
  raw: FastifyRequest['raw'];
  reply: FastifyReply;
}

/**
 * Bounds the time in which the body of a request comes in: then it is refused. What still comes in after the answer, since that
 * did not need the body, is read and passed over, so that the connection's next request is answered; but no longer than a
 * body may take.
 */
export function bodyTime(): (request: FastifyRequest, reply: FastifyReply) => void {
  const deadlines = createDeadlines<Body>(({ raw, reply }) => {
    if (!reply.raw.headersSent) void reply.send(tooLate());
    else if (!raw.complete) raw.socket.destroy();
  });
  return ({ raw, headers, routeOptions }, reply) => {
    if (headers['transfer-encoding'] === undefined && !(Number(headers['content-length'] ?? 0) > 0)) return;
    const within = (ms: number): Body => {
      const body = { raw, reply, dueAt: performance.now() + ms };
      deadlines.add(body);
      return body;
    };
    let body = within(routeOptions.config.bodyTimeoutMs ?? bodyMs);
    const stop = () => deadlines.leave(body);
    raw.once('end', stop).once('close', stop);
    reply.raw.once('finish', () => {
      stop();
      if (!raw.complete) body = within(bodyMs);
    });
  };
}

function tooLate(): HttpRefusal {
  return new HttpRefusal(408, 'TIMEOUT', 'The body did not come in in time.', 'Send it faster.', {
    headers: { connection: 'close' },
  });
}
