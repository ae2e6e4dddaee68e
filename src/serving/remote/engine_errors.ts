import { ModelYardError, systemCodeOf } from '../../errors.ts';
import { AnswerTooLarge, ConnectionFailure } from './http_client.ts';

/** Characters that are told of what an engine says. */
const shownLength = 500;

/** What went wrong between here and an engine, as its callers are told. */
export function engineError(engine: string, error: unknown): unknown {
  if (error instanceof ConnectionFailure) {
    const hint = tlsHint(error.cause);
    if (hint !== undefined)
      return new ModelYardError(
        'ENGINE_CRASHED',
        `No safe connection to the engine ${engine} can be made (${error.message}).`,
        hint,
        { cause: error },
      );
    return new ModelYardError(
      'ENGINE_CRASHED',
      `The engine ${engine} cannot be reached, or broke off (${error.message}).`,
      'Start it, or correct its url in MODELYARD_ENGINES; health_check shows when it is back.',
      { cause: error },
    );
  }
  if (error instanceof AnswerTooLarge)
    return new ModelYardError(
      'LIMIT_EXCEEDED',
      `The engine ${engine} answered with ${error.message}.`,
      'Send fewer rows in one call, or name in `outputs` only those that you need.',
    );
  return error;
}

/** What to do about a certificate that is not accepted, or no TLS at all; undefined: it is about something else. */
function tlsHint(cause: unknown): string | undefined {
  const code = systemCodeOf(cause) ?? '';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'Renew the certificate of the engine, or set the clock of this machine, where that is wrong.';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Name the engine in its url of MODELYARD_ENGINES as its certificate does, or give it a certificate for that name.';
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return 'Name the certificate of who signed it in ca_file of MODELYARD_ENGINES.';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return 'Where the engine speaks without TLS, its url in MODELYARD_ENGINES begins with http://.';
  return undefined;
}

/** That an engine refused something. @param said what it said about it */
export function refusal(engine: string, what: string, status: number, said: string): ModelYardError {
  const told = said === '' ? '' : `: ${said}`;
  if (status === 401 || status === 403)
    return new ModelYardError(
      'ENGINE_CRASHED',
      `The engine ${engine} lets this server do nothing (HTTP ${status})${told}`,
      'Correct its headers in MODELYARD_ENGINES.',
    );
  if (status === 429)
    return new ModelYardError(
      'LIMIT_EXCEEDED',
      `The engine ${engine} has too much to do (HTTP 429)${told}`,
      'Call again when there is less load.',
      { retryable: true },
    );
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine ${engine} could not ${what} (HTTP ${status})${told}`,
    'Its own log says more; correct its settings there, or those in MODELYARD_ENGINES.',
  );
}

/** What an engine says in an answer that is no good: the member `error`, or the beginning of the text. */
export function saidIn(body: Buffer): string {
  const text = body.subarray(0, 20_000).toString('utf8').trim();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'string')
      return value.error.slice(0, shownLength);
  } catch {
    // Shown as it is.
  }
  return text.slice(0, shownLength);
}
