import { type ErrorCode, ModelYardError } from '../errors.ts';

/**
 * How a call of MLflow failed. `unreachable`: no response. `fault`: an unusable response (a server error, a gateway's
 * page, bytes that are not JSON). `denied`: authentication or permission is missing. `refused`: a valid request that
 * MLflow rejected, and would reject again.
 */
export type MlflowFailure = 'unreachable' | 'fault' | 'denied' | 'refused';

const codes: Record<MlflowFailure, ErrorCode> = {
  unreachable: 'MLFLOW_UNAVAILABLE',
  fault: 'MLFLOW_UNAVAILABLE',
  denied: 'PERMISSION_DENIED',
  refused: 'INVALID_INPUT',
};

const hints: Record<MlflowFailure, string> = {
  unreachable: 'Check MLFLOW_TRACKING_URI and that the server runs, then try again.',
  fault: 'Check that MLFLOW_TRACKING_URI is an MLflow server and look into its log, then try again.',
  denied: 'Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.',
  refused: 'Check the names in MLflow.',
};

export class MlflowError extends ModelYardError {
  readonly failure: MlflowFailure;
  /** MLflow's own code, such as RESOURCE_DOES_NOT_EXIST. */
  readonly errorCode: string | undefined;
  /** HTTP status of the response; undefined where there was none. */
  readonly status: number | undefined;
  /** Whether MLflow may have carried out the call, or may still do so. */
  readonly doubtful: boolean;

  constructor(
    failure: MlflowFailure,
    message: string,
    details: { errorCode?: string | undefined; status?: number; doubtful?: boolean; hint?: string } = {},
  ) {
    super(codes[failure], message, details.hint ?? hints[failure]);
    this.failure = failure;
    this.errorCode = details.errorCode;
    this.status = details.status;
    this.doubtful = details.doubtful ?? false;
  }
}

/** Whether MLflow reported that the thing does not exist. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof MlflowError)) return false;
  return (
    error.errorCode === 'RESOURCE_DOES_NOT_EXIST' ||
    // Its error for an alias that does not exist.
    (error.errorCode === 'INVALID_PARAMETER_VALUE' && / not found\.?$/.test(error.message))
  );
}

export function isTaken(error: unknown): boolean {
  return error instanceof MlflowError && error.errorCode === 'RESOURCE_ALREADY_EXISTS';
}

/** Whether MLflow rejected a valid request. */
export function isRefused(error: unknown): error is MlflowError {
  return error instanceof MlflowError && error.failure === 'refused';
}
