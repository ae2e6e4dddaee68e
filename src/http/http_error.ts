import { knownError } from '../call_error.ts';
import { type ErrorCode, ModelYardError, systemCodeOf } from '../errors.ts';

/** The status of each code, where the error does not bring one of its own. */
const statuses: Record<ErrorCode, number> = {
  INVALID_INPUT: 400,
  SIGNATURE_MISMATCH: 400,
  PERMISSION_DENIED: 403,
  APPROVAL_REQUIRED: 403,
  PATH_NOT_ALLOWED: 403,
  MODEL_NOT_FOUND: 404,
  VERSION_NOT_FOUND: 404,
  NOT_DEPLOYED: 409,
  VERSION_EXISTS: 409,
  ILLEGAL_TRANSITION: 409,
  GATE_FAILED: 409,
  NO_REFERENCE: 409,
  NOT_ENOUGH_DATA: 409,
  LIMIT_EXCEEDED: 413,
  ARTIFACT_INVALID: 422,
  // A run that fails in a host that lives is mostly its input's doing.
  INFERENCE_FAILED: 422,
  CANCELLED: 499,
  ARTIFACT_MISMATCH: 500,
  INTERNAL: 500,
  CIRCUIT_OPEN: 503,
  ENGINE_CRASHED: 503,
  MLFLOW_UNAVAILABLE: 503,
  STORAGE_UNAVAILABLE: 503,
  TIMEOUT: 504,
};

/** A request that is refused for what it is as HTTP, before anything is looked at that it asks for. */
export class HttpRefusal extends ModelYardError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    hint: string,
    { headers = {}, retryable = false }: { headers?: Record<string, string>; retryable?: boolean } = {},
  ) {
    super(code, message, hint, { retryable });
    this.status = status;
    this.headers = headers;
  }
}

/** The status of an error, and the headers that belong to it. */
export function statusOf(error: ModelYardError): {
  status: number;
  headers: Readonly<Record<string, string>>;
} {
  if (error instanceof HttpRefusal) return error;
  // Too many at once, rather than too much.
  const status = error.code === 'LIMIT_EXCEEDED' && error.retryable ? 429 : statuses[error.code];
  return { status, headers: status === 429 || status === 503 ? { 'retry-after': '1' } : {} };
}

/** Anything thrown on the way of a request, also what Fastify finds wrong with it. */
export function errorOf(thrown: unknown, bodyLimit: number): ModelYardError {
  if (thrown instanceof ModelYardError) return thrown;
  const code = systemCodeOf(thrown) ?? '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new HttpRefusal(
      413,
      'LIMIT_EXCEEDED',
      `The body is larger than ${bodyLimit} bytes.`,
      'Send less at once, or start the server with a higher --max-body-mb.',
    );
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new HttpRefusal(
      415,
      'INVALID_INPUT',
      'The Content-Type of the body is not one that is taken here.',
      'Send JSON, with Content-Type: application/json.',
    );
  const status = statusIn(thrown);
  if (status !== undefined && code.startsWith('FST_ERR_'))
    return new HttpRefusal(
      status,
      'INVALID_INPUT',
      thrown instanceof Error ? `${thrown.message}.`.replace(/\.\.$/, '.') : 'The request cannot be read.',
      'Send it as the protocol says.',
    );
  return knownError(thrown);
}

/** A status that says that the request is at fault. */
function statusIn(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return undefined;
  const { statusCode } = thrown;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}
