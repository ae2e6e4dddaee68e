import { createHash } from 'node:crypto';
import { ModelYardError } from '../../errors.ts';
import type { NamedTensors } from './protocol.ts';

/**
 * Whose fault a failed run is. The caller's: the model still runs on an input that is known to be good. The model's: it
 * fails on that input too, or has answered nothing for long. Nobody's: no good input is known, or the host was ended
 * from outside.
 */
export type Fault = 'caller' | 'model' | 'nobody';

/** A run that failed, and whose fault that is. */
export class RunFailure extends ModelYardError {
  readonly fault: Fault;
  /** The host was ended by a signal from outside or by unloading: the same run may succeed in another host. */
  readonly isFromOutside: boolean;

  constructor(
    error: ModelYardError,
    fault: Fault,
    told: { message?: string; hint?: string; isFromOutside?: boolean } = {},
  ) {
    const { message = error.message, hint = error.hint, isFromOutside = false } = told;
    const retryable = fault === 'caller' ? false : error.retryable;
    super(error.code, message, hint, { cause: error.cause, retryable });
    this.fault = fault;
    this.isFromOutside = isFromOutside;
  }
}

/** A digest of an input: equal inputs have equal digests. */
export function inputDigest(tensors: NamedTensors): string {
  const hash = createHash('sha256');
  for (const [name, { datatype, shape, data }] of tensors) {
    hash.update(JSON.stringify([name, datatype, shape]));
    if (Array.isArray(data)) hash.update(JSON.stringify(data));
    else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('base64');
}
