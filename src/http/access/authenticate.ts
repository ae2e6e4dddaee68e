import type { Caller } from '../../access/roles.ts';
import type { TokenBook } from '../../access/token_book.ts';
import { tokenInText } from '../../access/tokens.ts';
import { HttpRefusal } from '../http_error.ts';

export interface Authentication {
  tokens: TokenBook;
  /** Whether nobody but this machine reaches the server. */
  loopbackOnly: boolean;
  readOnly: boolean;
}

const withoutToken: Caller = { role: 'client', readOnly: true, token: null };

/**
 * Who calls, by the Authorization header.
 * @throws HttpRefusal 401 for a token that is not valid, and for none where one is needed
 */
export function authenticate(
  { tokens, loopbackOnly, readOnly }: Authentication,
  authorization: string | undefined,
): Caller {
  if (authorization === undefined) {
    if (loopbackOnly && !tokens.hasTokens()) return withoutToken;
    throw unauthorized('No token was sent.', undefined);
  }
  const [, text] = /^Bearer +(\S+) *$/i.exec(authorization) ?? [];
  if (text === undefined)
    throw unauthorized('The Authorization header is not of the form Bearer TOKEN.', 'invalid_request');
  const found = tokens.find(text);
  if (found === undefined) throw unauthorized('The token is not one of this store.', 'invalid_token');
  if (found.state !== 'valid')
    throw unauthorized(
      `The token ${found.name} ${found.state === 'expired' ? 'has expired' : 'was revoked'}.`,
      'invalid_token',
    );
  return { role: found.role, readOnly, token: found.name };
}

function unauthorized(what: string, error: string | undefined): HttpRefusal {
  return new HttpRefusal(
    401,
    'PERMISSION_DENIED',
    what,
    'Send Authorization: Bearer TOKEN; whoever runs the server makes tokens with modelyard token create.',
    {
      headers: {
        'www-authenticate': `Bearer realm="modelyard"${error === undefined ? '' : `, error="${error}"`}`,
      },
    },
  );
}

/** Names of query parameters under which tokens are sent. */
const tokenParameters = /[?&](access_?token|auth_?token|token|api_?key|authorization|bearer)=/i;

/**
 * Addresses stand in the logs of proxies, in histories and in Referer headers: a token in one is known to others.
 * @throws HttpRefusal
 */
export function refuseTokenInAddress(url: string): void {
  const query = url.indexOf('?');
  if (query === -1 && !url.includes('modelyard_')) return;
  if (!tokenParameters.test(url) && !tokenInText.test(url)) return;
  throw new HttpRefusal(
    400,
    'INVALID_INPUT',
    'The address has a token in it.',
    'Send it as Authorization: Bearer TOKEN. If it was a real one, revoke it: addresses are written to logs on their way.',
  );
}
