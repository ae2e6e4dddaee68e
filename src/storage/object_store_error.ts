import { ModelYardError, messageOf, systemCodeOf } from '../errors.ts';

/** Names by which stores say that whoever asks is unknown or may not do it. */
const refusals =
  /^(AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|TokenRefreshRequired|InvalidToken|CredentialsProviderError|RequestTimeTooSkewed|AuthorizationHeaderMalformed)$/;

/** Turns what an object store, or the way to it, answered into STORAGE_UNAVAILABLE; returns our own errors as they are. */
export function objectStoreError(error: unknown, address: string): ModelYardError {
  if (error instanceof ModelYardError) return error;
  const name = nameOf(error);
  const told = (what: string, next: string) =>
    new ModelYardError('STORAGE_UNAVAILABLE', `The object store ${address} ${what}.`, next, { cause: error });
  if (name === 'NoSuchBucket')
    return told('has no such bucket', 'Create the bucket, or correct MODELYARD_ARTIFACTS.');
  if (name === 'PermanentRedirect' || name === 'IllegalLocationConstraintException')
    return told(`is in another region (${name})`, 'Set AWS_REGION to the region of the bucket.');
  const status = statusOf(error);
  if (refusals.test(name) || status === 403 || status === 401)
    return told(
      // An answer without a body has no name.
      `refuses this server (${refusals.test(name) ? name : status})`,
      'Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (or the profile or role), and at what they may do there: get, put, delete and list objects, and abort uploads.',
    );
  if (/region is missing/i.test(messageOf(error)))
    return told('is asked without a region', 'Set AWS_REGION to the region of the bucket.');
  return told(
    `does not answer as it should (${reasonOf(error, name)})`,
    'Call again shortly. If it goes on, see that the store is up, and that AWS_ENDPOINT_URL_S3 leads to it. What is loaded goes on answering.',
  );
}

/** Whether there is no such object, or no such upload in parts any more. */
export function isAbsent(error: unknown): boolean {
  const name = nameOf(error);
  return name === 'NoSuchKey' || name === 'NoSuchUpload' || name === 'NotFound';
}

/** Whether an object of that name was there already. */
export function isTaken(error: unknown): boolean {
  return statusOf(error) === 412 || statusOf(error) === 409;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  return typeof metadata === 'object' &&
    metadata !== null &&
    'httpStatusCode' in metadata &&
    typeof metadata.httpStatusCode === 'number'
    ? metadata.httpStatusCode
    : undefined;
}

function reasonOf(error: unknown, name: string): string {
  const code = systemCodeOf(error);
  if (code !== undefined) return code;
  if (name === 'AbortError' || name === 'TimeoutError') return 'it took too long';
  const status = statusOf(error);
  const known = name === '' || name === 'Error' ? messageOf(error).slice(0, 200) : name;
  return status === undefined ? known : `${known}, ${status}`;
}
