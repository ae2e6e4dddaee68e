import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { ErrorCode, ModelYardError } from '../../errors.ts';
import { HttpRefusal } from '../http_error.ts';

/** gRPC's status of each code. */
const statuses: Record<ErrorCode, status> = {
  INVALID_INPUT: status.INVALID_ARGUMENT,
  SIGNATURE_MISMATCH: status.INVALID_ARGUMENT,
  // A run that fails in a host that lives is mostly its input's doing.
  INFERENCE_FAILED: status.INVALID_ARGUMENT,
  ARTIFACT_INVALID: status.INVALID_ARGUMENT,
  MODEL_NOT_FOUND: status.NOT_FOUND,
  VERSION_NOT_FOUND: status.NOT_FOUND,
  NOT_DEPLOYED: status.NOT_FOUND,
  VERSION_EXISTS: status.ALREADY_EXISTS,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  APPROVAL_REQUIRED: status.PERMISSION_DENIED,
  PATH_NOT_ALLOWED: status.PERMISSION_DENIED,
  ILLEGAL_TRANSITION: status.FAILED_PRECONDITION,
  GATE_FAILED: status.FAILED_PRECONDITION,
  NO_REFERENCE: status.FAILED_PRECONDITION,
  NOT_ENOUGH_DATA: status.FAILED_PRECONDITION,
  LIMIT_EXCEEDED: status.RESOURCE_EXHAUSTED,
  CANCELLED: status.CANCELLED,
  ARTIFACT_MISMATCH: status.INTERNAL,
  INTERNAL: status.INTERNAL,
  CIRCUIT_OPEN: status.UNAVAILABLE,
  ENGINE_CRASHED: status.UNAVAILABLE,
  MLFLOW_UNAVAILABLE: status.UNAVAILABLE,
  STORAGE_UNAVAILABLE: status.UNAVAILABLE,
  TIMEOUT: status.DEADLINE_EXCEEDED,
};

/** An error as a call of gRPC ends with it; our own code stands in the metadata `modelyard-code`. */
export function statusOfError(error: ModelYardError): StatusObject {
  const metadata = new Metadata();
  metadata.set('modelyard-code', error.code);
  const isUnknown = error instanceof HttpRefusal && error.status === 401;
  return {
    code: isUnknown ? status.UNAUTHENTICATED : statuses[error.code],
    details: `${error.message} ${error.hint}`,
    metadata,
  };
}
