import type { FastifyRequest } from 'fastify';
import { HttpRefusal } from '../http_error.ts';

/**
 * That a request has nothing that would be passed over in silence: a version in the query would be answered by another one,
 * and a body that is packed be kept as it is.
 * @throws HttpRefusal
 */
export function refuseUnheededParts({ raw, headers, routeOptions }: FastifyRequest): void {
  const { takesQuery = false, unpacksBodies = false } = routeOptions.config;
  const [, query = ''] = (raw.url ?? '').split('?', 2);
  if (query !== '' && !takesQuery)
    throw new HttpRefusal(
      400,
      'INVALID_INPUT',
      `The address has the query ?${query.slice(0, 100)}, but none is taken here.`,
      'Leave it out; what a call asks for, such as version, stands in its body.',
    );
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity' && !unpacksBodies)
    throw new HttpRefusal(
      415,
      'INVALID_INPUT',
      `The Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not one that is taken here.`,
      'Send the body as it is.',
    );
}
