import { z } from 'zod';
import { errorCodes } from '../../errors.ts';
import type { ErrorForm, Schema } from './description.ts';

/** What each status that an operation may fail with means. */
export const failures: Readonly<Record<number, string>> = {
  400: 'The request is wrong, or does not fit the model: the message says what, the hint what to do.',
  401: 'There is no token, or not a valid one.',
  403: 'The caller may not do this, or another server sent the request through a browser.',
  404: 'There is no such model, version or file.',
  408: 'The body did not come in in time.',
  409: 'The store is not in a state for it: the model is not deployed, say.',
  413: 'The body, the rows or the answer are too large.',
  415: 'The content type is not taken here.',
  422: 'The model cannot do it with this input.',
  429: 'Too many calls: Retry-After says how long to wait.',
  499: 'The client hung up.',
  500: 'The server failed; its log says how.',
  503: 'Not now: the circuit breaker is open, the store is away, or the server is about to end.',
  504: 'The model took too long.',
};

/** Those of operations that ask nobody who calls: they have no body and touch no model. */
export const openFailures: readonly number[] = [400, 403, 500];

const plain = z.strictObject({
  error: z.strictObject({
    code: z.enum(errorCodes),
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
  }),
});
const mlflow = z.strictObject({ error_code: z.string(), message: z.string() });
const openInference = z.strictObject({ error: z.string(), code: z.enum(errorCodes) });

export const errorSchemas: Readonly<Record<ErrorForm, Schema>> = {
  plain,
  mlflow,
  open_inference: openInference,
};
