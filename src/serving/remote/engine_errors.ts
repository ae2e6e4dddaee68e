import { ModelYardError } from '../../errors.ts';
import { AnswerTooLarge, ConnectionFailure } from './connection_failure.ts';

/** Characters that are told of what an engine says. */
const shownLength = 500;

/** What went wrong between here and an engine, as its callers are told. */
export function engineError(engine: string, error: unknown): unknown {
  if (error instanceof ConnectionFailure) {
    const hint = tlsHints.find(([said]) => said.test(error.message))?.[1];
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

/** What to do about what OpenSSL says of a connection, by its texts: gRPC tells no codes. */
const tlsHints: readonly [RegExp, string][] = [
  [
    /certificate has expired|certificate is not yet valid/,
    'Renew the certificate of the engine, or set the clock of this machine, where that is wrong.',
  ],
  [
    /does not match certificate/,
    'Name the engine in its url of MODELYARD_ENGINES as its certificate does, or give it a certificate for that name.',
  ],
  [
    /self-signed certificate|unable to (?:verify|get).*certificate|certificate signature/,
    'Name the certificate of who signed it in ca_file of MODELYARD_ENGINES.',
  ],
  [/SSL routines/, 'Where the engine speaks without TLS, its url in MODELYARD_ENGINES begins with http://.'],
];

/** An answer of an engine that is no good. */
export interface Refusal {
  why: 'too_busy' | 'not_let_in' | 'not_ready' | 'other';
  /** As the protocol has it: `HTTP 400`, `gRPC INVALID_ARGUMENT`. */
  status: string;
  /** What it said about it. */
  said: string;
}

/** That an engine refused something. */
export function refusalError(engine: string, what: string, { why, status, said }: Refusal): ModelYardError {
  const told = said === '' ? '' : `: ${said}`;
  if (why === 'not_let_in')
    return new ModelYardError(
      'ENGINE_CRASHED',
      `The engine ${engine} lets this server do nothing (${status})${told}`,
      'Correct its headers in MODELYARD_ENGINES.',
    );
  if (why === 'too_busy')
    return new ModelYardError(
      'LIMIT_EXCEEDED',
      `The engine ${engine} has too much to do (${status})${told}`,
      'Call again when there is less load.',
      { retryable: true },
    );
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine ${engine} could not ${what} (${status})${told}`,
    'Its own log says more; correct its settings there, or those in MODELYARD_ENGINES.',
  );
}

/** That an engine did not run a model on inputs. */
export function runRefusalError(engine: string, refusal: Refusal): ModelYardError {
  const { why, status, said } = refusal;
  const told = `(${status})${said === '' ? '' : `: ${said}`}`;
  if (why === 'too_busy') return refusalError(engine, 'run the model', { ...refusal, said: '' });
  if (why === 'other')
    return new ModelYardError(
      'INFERENCE_FAILED',
      `The model could not run on these inputs in the engine ${engine} ${told}`,
      'Check the inputs against the signature that get_model shows.',
    );
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine ${engine} did not run the model ${told}`,
    'Look at health_check and the log of the engine; its headers are set in MODELYARD_ENGINES.',
  );
}

/** An answer that cannot be passed on. */
export function wrongAnswer(engine: string, what: string): ModelYardError {
  return new ModelYardError(
    'INFERENCE_FAILED',
    `The engine ${engine} answered otherwise than it should: ${what}.`,
    'The answer is not passed on. Look at what the engine has under that name, and at its log.',
  );
}

/** What an engine says in plain text, to be shown. */
export function shownText(text: string): string {
  return text.trim().slice(0, shownLength);
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
