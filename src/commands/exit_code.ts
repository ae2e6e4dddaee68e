import { constants } from 'node:os';
import type { ErrorCode, ModelYardError } from '../errors.ts';

/** That of a call which may succeed later without being changed: EX_TEMPFAIL of sysexits.h. */
const tryAgain = 75;

const byCode: Record<ErrorCode, number> = {
  INVALID_INPUT: 2,
  SIGNATURE_MISMATCH: 2,
  MODEL_NOT_FOUND: 3,
  VERSION_NOT_FOUND: 3,
  NOT_DEPLOYED: 3,
  NO_REFERENCE: 3,
  PERMISSION_DENIED: 4,
  PATH_NOT_ALLOWED: 4,
  APPROVAL_REQUIRED: 5,
  GATE_FAILED: 6,
  ILLEGAL_TRANSITION: 6,
  VERSION_EXISTS: 6,
  ARTIFACT_INVALID: 1,
  ARTIFACT_MISMATCH: 1,
  LIMIT_EXCEEDED: 1,
  INFERENCE_FAILED: 1,
  NOT_ENOUGH_DATA: 1,
  CIRCUIT_OPEN: tryAgain,
  TIMEOUT: tryAgain,
  ENGINE_CRASHED: tryAgain,
  MLFLOW_UNAVAILABLE: tryAgain,
  STORAGE_UNAVAILABLE: tryAgain,
  CANCELLED: tryAgain,
  INTERNAL: 1,
};

/** The exit code of a tool's call that failed; docs/COMMAND_LINE.md lists them. */
export function exitCodeOf({ code, retryable }: Pick<ModelYardError, 'code' | 'retryable'>): number {
  return retryable ? tryAgain : byCode[code] === tryAgain ? 1 : byCode[code];
}

/** The exit code of a command that a signal ended, as shells have it. */
export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): number {
  return 128 + constants.signals[signal];
}
