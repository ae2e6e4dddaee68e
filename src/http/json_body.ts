import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../errors.ts';
import { HttpRefusal } from './http_error.ts';

/** Takes bodies of JSON in UTF-8. Names such as __proto__ are only data here: who copies objects looks for them. */
export function addJsonParser(app: FastifyInstance): void {
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, ({ method }, body, done) => {
    try {
      // Clients name a type for the body that a DELETE does not have, too.
      done(null, method === 'DELETE' && body.length === 0 ? undefined : parseJson(body));
    } catch (error) {
      done(error instanceof Error ? error : new Error(messageOf(error)));
    }
  });
}

function parseJson(body: string | Buffer): unknown {
  if (body.length === 0) throw badBody('The body is empty.');
  if (Buffer.isBuffer(body) && !isUtf8(body)) throw badBody('The body is not UTF-8.');
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return parsed;
  } catch (error) {
    throw badBody(`The body is not JSON: ${messageOf(error).slice(0, 200)}.`);
  }
}

function badBody(what: string): HttpRefusal {
  return new HttpRefusal(400, 'INVALID_INPUT', what, 'Send a JSON document.');
}
