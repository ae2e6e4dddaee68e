/**
 * The error codes a caller can see. Everything that goes wrong for a reason we know is thrown as a
 * ModelYardError; anything else is a defect and reaches the caller as INTERNAL, without details.
 */
const retryableByCode = {
  INVALID_INPUT: false,
  MODEL_NOT_FOUND: false,
  VERSION_NOT_FOUND: false,
  VERSION_EXISTS: false,
  NOT_DEPLOYED: false,
  ARTIFACT_INVALID: false,
  ARTIFACT_MISMATCH: false,
  SIGNATURE_MISMATCH: false,
  ILLEGAL_TRANSITION: false,
  GATE_FAILED: false,
  APPROVAL_REQUIRED: false,
  PERMISSION_DENIED: false,
  PATH_NOT_ALLOWED: false,
  LIMIT_EXCEEDED: false,
  CIRCUIT_OPEN: true,
  TIMEOUT: true,
  ENGINE_CRASHED: true,
  INFERENCE_FAILED: false,
  NO_REFERENCE: false,
  NOT_ENOUGH_DATA: false,
  MLFLOW_UNAVAILABLE: true,
  STORAGE_UNAVAILABLE: true,
  CANCELLED: true,
  INTERNAL: false,
} as const;

export type ErrorCode = keyof typeof retryableByCode;

export const errorCodes = Object.keys(retryableByCode);

export class ModelYardError extends Error {
  override readonly name = 'ModelYardError';
  readonly code: ErrorCode;
  /** What the caller can do next: one or two sentences. */
  readonly hint: string;
  /** True when the same call may succeed later without being changed. */
  readonly retryable: boolean;

  /** @param options.retryable where this one differs from others of its code */
  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    options?: { cause?: unknown; retryable?: boolean },
  ) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.retryable = options?.retryable ?? retryableByCode[code];
  }
}

/** Thrown when a setting is wrong; the command line prints its message and exits with code 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  /** The setting that is wrong, where it is one. */
  readonly setting: string | undefined;

  constructor(message: string, setting?: string) {
    super(message);
    this.setting = setting;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a system, SQLite or PostgreSQL error, or undefined. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
