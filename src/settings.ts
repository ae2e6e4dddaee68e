import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { type ApprovalMode, approvalModes } from './access/approval_policy.ts';
import { roles } from './access/roles.ts';
import { defaultDirectory } from './default_directory.ts';
import { type EngineSettings, embeddedEngine, parseEngines } from './engine_settings.ts';
import { messageOf, SettingsError } from './errors.ts';
import { allowedRoots, realPathOf } from './files/allowed_roots.ts';
import './plain_messages.ts';
import { isDatabaseAddress } from './storage/is_database_address.ts';
import { type ObjectStoreSettings, parseArtifactAddress } from './storage/object_store_settings.ts';
import { isToolset, type Toolset, toolsetNames } from './toolsets.ts';

const share = z.coerce.number().min(0).max(1);
const webAddress = z.string().refine((text) => {
  const { protocol, hostname } = URL.canParse(text) ? new URL(text) : { protocol: '', hostname: '' };
  return /^https?:$/.test(protocol) && hostname !== '';
}, 'must be an address that begins with http:// or https://');
const milliseconds = z.coerce.number().int().min(1).max(86_400_000);
const flag = z.stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] });

/** Every setting by the name a user gives it, in the environment or in the config file. */
export const settingsSchema = z.strictObject({
  MODEL_REGISTRY_DIR: z
    .string()
    .refine(isAbsolute, 'must be an absolute path (MCP clients start servers in any directory)')
    .optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql:// (leave it unset for SQLite)')
    .refine(
      isDatabaseAddress,
      'must read postgres://user:password@host:5432/database; in a password %25, %2F, %3F, %23 and %40 stand for %, /, ?, # and @',
    )
    .optional(),
  MLFLOW_TRACKING_URI: z
    .string()
    .refine(
      (text) => /^https?:\/\//.test(text) && URL.canParse(text),
      'must be the http:// or https:// address of an MLflow server',
    )
    .optional(),
  MLFLOW_TRACKING_USERNAME: z.string().optional(),
  MLFLOW_TRACKING_PASSWORD: z.string().optional(),
  MLFLOW_TRACKING_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable characters without spaces')
    .optional(),
  MLFLOW_TRACKING_SERVER_CERT_PATH: z.string().refine(isAbsolute, 'must be an absolute path').optional(),
  MLFLOW_TRACKING_INSECURE_TLS: flag.default(false),
  MLFLOW_HTTP_REQUEST_TIMEOUT: z.coerce.number().positive().max(3600).default(15),
  MLFLOW_USE_STAGES: flag.default(false),
  MLFLOW_EXPERIMENT_NAME: z.string().optional(),
  ENABLE_MLFLOW_REGISTRY: flag.default(false),
  DRIFT_THRESHOLD: share.default(0.05),
  MODELYARD_MISSING_THRESHOLD: share.default(0.02),
  ERROR_RATE_THRESHOLD: share.default(0.1),
  LATENCY_THRESHOLD_MS: z.coerce.number().positive().max(86_400_000).default(1000),
  PERFORMANCE_THRESHOLD: share.default(0.1),
  HEALTH_CHECK_INTERVAL_SEC: z.coerce.number().int().min(1).max(86_400).default(60),
  MODELYARD_ALERT_WEBHOOK: webAddress.optional(),
  MODELYARD_ALERT_WEBHOOK_SECRET: z.string().min(16, 'must have 16 characters or more').optional(),
  MODELYARD_ROLE: z.enum(roles).default('operator'),
  MODELYARD_READ_ONLY: flag.default(false),
  MODELYARD_TOOLSETS: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names): names is Toolset[] => names.every(isToolset), {
      message: `must be names among ${toolsetNames.join(', ')}, separated by commas`,
    })
    .optional(),
  MODELYARD_APPROVALS: z.enum(approvalModes).default('ask'),
  MODELYARD_APPROVAL_HOURS: z.coerce.number().positive().max(720).default(1),
  MODELYARD_ASK_TIMEOUT_MS: milliseconds.default(45_000),
  MODELYARD_ALLOWED_ROOTS: z.string().optional(),
  MODELYARD_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
  MODELYARD_LOAD_TIMEOUT_MS: milliseconds.default(45_000),
  MODELYARD_PREDICT_TIMEOUT_MS: milliseconds.default(30_000),
  MODELYARD_ENGINES: z.string().optional(),
  MODELYARD_ENGINE: z.string().default(embeddedEngine),
  MODELYARD_ENGINE_THREADS: z.coerce.number().int().min(1).max(256).optional(),
  MODELYARD_ENGINE_MEMORY_MB: z.coerce.number().int().min(200).max(10_000_000).optional(),
  MODELYARD_BATCHING: flag.default(true),
  MODELYARD_MAX_QUEUE: z.coerce.number().int().min(1).max(1_000_000).default(1000),
  MODELYARD_MAX_LOADED: z.coerce.number().int().min(1).max(10_000).default(16),
  MODELYARD_IDLE_UNLOAD_S: z.coerce.number().int().min(1).max(86_400).default(900),
  MODELYARD_LOG_RETENTION_DAYS: z.coerce.number().int().min(1).max(36_500).default(90),
  MODELYARD_LOG_MAX_MB: z.coerce.number().int().min(1).max(100_000_000).optional(),
  MODELYARD_LOG_EXCLUDE_FEATURES: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names) => !names.includes(''), 'must be names separated by commas, none of them empty')
    .default([]),
  MODELYARD_MAX_UPLOADS_MB: z.coerce.number().int().min(1).max(1_000_000).default(2000),
  MODELYARD_MAX_ARTIFACT_MB: z.coerce.number().int().min(1).max(1_000_000).default(2000),
  MODELYARD_ARTIFACTS: z
    .string()
    .refine(
      (text) => text === 'local' || parseArtifactAddress(text) !== undefined,
      'must be local or s3://bucket/prefix (a bucket is named in small letters, digits, dots and hyphens)',
    )
    .default('local'),
  MODELYARD_ARTIFACT_CACHE_MB: z.coerce.number().int().min(1).max(100_000_000).default(10_000),
  AWS_ENDPOINT_URL_S3: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
});

const settingNames = Object.keys(settingsSchema.shape);

/** Their values may hold a password or a token. */
export const secretSettings: readonly string[] = [
  'DATABASE_URL',
  'MLFLOW_TRACKING_URI',
  'MLFLOW_TRACKING_PASSWORD',
  'MLFLOW_TRACKING_TOKEN',
  'MODELYARD_ALERT_WEBHOOK',
  'MODELYARD_ALERT_WEBHOOK_SECRET',
  'MODELYARD_ENGINES',
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
];

export interface Settings {
  /** Absolute path of the directory with the embedded database, artifacts, journals and logs. */
  directory: string;
  /** True when `directory` was made for this process and goes away with it. */
  ephemeral: boolean;
  databaseUrl: string | undefined;
  mlflow: MlflowSettings;
  driftThreshold: number;
  /** Change of a share of missing values that is a finding. */
  missingThreshold: number;
  errorRateThreshold: number;
  latencyThresholdMs: number;
  performanceThreshold: number;
  healthCheckIntervalSec: number;
  /** Where alerts are posted; the address and the secret are told to nobody. */
  alertWebhook: { url: string; secret: string | undefined } | undefined;
  role: (typeof roles)[number];
  readOnly: boolean;
  /** The sets of tools that MCP clients are offered; undefined: all. */
  toolsets: readonly Toolset[] | undefined;
  approvals: ApprovalMode;
  /** How long a request for approval, and the grant of it, stands. */
  approvalMs: number;
  /** How long a question to the person at the client waits for the answer; clients cut calls off at about 60 s. */
  askTimeoutMs: number;
  /** Real paths below which a tool may read or write a file that its caller names. */
  allowedRoots: string[];
  /** That of the roots which all users write to; undefined where the roots are given. */
  temporaryRoot: string | undefined;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  loadTimeoutMs: number;
  predictTimeoutMs: number;
  /** The engines of other machines; what is sent to them may hold secrets. */
  engines: readonly EngineSettings[];
  /** The engine of versions that are deployed without one. */
  defaultEngine: string;
  /** Threads of one run; undefined: by the machine and the number of a version's hosts. */
  engineThreads: number | undefined;
  /** Resident memory at which an engine host is ended; undefined: half of the machine's. */
  engineMemoryBytes: number | undefined;
  /** Whether calls that wait for a version may share a run. */
  batching: boolean;
  /** Calls that may wait for one version. */
  maxQueue: number;
  /** Versions that may be loaded at once in this process. */
  maxLoaded: number;
  idleUnloadMs: number;
  maxArtifactBytes: number;
  /** Of all files together that callers over HTTP have uploaded. */
  maxUploadBytes: number;
  /** Where the artifacts are; undefined: in `directory`. */
  objectStore: ObjectStoreSettings | undefined;
  /** What is kept in `directory` of the artifacts of the object store. */
  artifactCacheBytes: number;
  /** How long predictions are kept in the log. */
  logRetentionMs: number;
  /** From which size on the log loses its oldest predictions; undefined: it may grow. */
  logMaxBytes: number | undefined;
  /** Features (`feature`, or `model:feature`) that are never logged; `entity_key` is the entity key. */
  logExcludedFeatures: string[];
}

interface MlflowSettings {
  trackingUri: string | undefined;
  /** The experiment that deployments are tracked in; undefined: they are not. */
  experimentName: string | undefined;
  /** Whether the registry is sent there. */
  registryEnabled: boolean;
  /** Whether stages are sent as MLflow's own, which it calls deprecated. */
  useStages: boolean;
  username: string | undefined;
  password: string | undefined;
  token: string | undefined;
  /** File of certificates (PEM) to trust instead of the built-in ones. */
  caFile: string | undefined;
  insecureTls: boolean;
  timeoutMs: number;
}

export interface SettingsFlags {
  config?: string | undefined;
  ephemeral?: boolean | undefined;
  readOnly?: boolean | undefined;
  /** As MODELYARD_TOOLSETS. */
  toolsets?: string | undefined;
  /** Where callers are others than who started the server: it reads no files but where MODELYARD_ALLOWED_ROOTS says so. */
  namedRootsOnly?: boolean | undefined;
}

/**
 * Reads the settings: flags over environment over config file over defaults.
 * @throws SettingsError one sentence that names the setting, its value and what is expected.
 */
export function readSettings(environment: NodeJS.ProcessEnv, flags: SettingsFlags = {}): Settings {
  const fromFile = flags.config === undefined ? {} : readConfigFile(flags.config);
  const given: Record<string, unknown> = {
    ...fromFile,
    ...settingsIn(environment),
    ...(flags.toolsets !== undefined && { MODELYARD_TOOLSETS: flags.toolsets }),
  };
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const told = describeIssue(issue, given);
    const isFlag = issue?.path[0] === 'MODELYARD_TOOLSETS' && flags.toolsets !== undefined;
    throw new SettingsError(
      isFlag ? told.replace('MODELYARD_TOOLSETS', '--toolsets') : told,
      String(issue?.path[0] ?? ''),
    );
  }
  const values = parsed.data;
  const ephemeral = flags.ephemeral ?? false;
  if (ephemeral && values.DATABASE_URL !== undefined)
    throw new SettingsError(
      '--ephemeral and DATABASE_URL exclude each other: unset DATABASE_URL or drop the flag.',
      'DATABASE_URL',
    );
  if (ephemeral && values.MODELYARD_ARTIFACTS !== 'local')
    throw new SettingsError(
      '--ephemeral and MODELYARD_ARTIFACTS exclude each other: leave MODELYARD_ARTIFACTS out or drop the flag.',
      'MODELYARD_ARTIFACTS',
    );
  for (const needed of ['ENABLE_MLFLOW_REGISTRY', 'MLFLOW_EXPERIMENT_NAME'] as const)
    if (values[needed] && values.MLFLOW_TRACKING_URI === undefined)
      throw new SettingsError(
        `${needed} needs MLFLOW_TRACKING_URI, the address of an MLflow server.`,
        needed,
      );
  const engines = parseEngines(values.MODELYARD_ENGINES, environment);
  const engineNames = [embeddedEngine, ...engines.map(({ name }) => name)];
  if (!engineNames.includes(values.MODELYARD_ENGINE))
    throw new SettingsError(
      `MODELYARD_ENGINE=${JSON.stringify(values.MODELYARD_ENGINE)} is not valid: must be one of ${engineNames.join(', ')} (the others are named in MODELYARD_ENGINES).`,
      'MODELYARD_ENGINE',
    );
  const directory = ephemeral
    ? mkdtempSync(join(tmpdir(), 'modelyard-'))
    : (values.MODEL_REGISTRY_DIR ?? defaultDirectory());
  const roots = values.MODELYARD_ALLOWED_ROOTS ?? (flags.namedRootsOnly ? '' : undefined);
  return {
    directory,
    ephemeral,
    databaseUrl: values.DATABASE_URL,
    mlflow: {
      trackingUri: values.MLFLOW_TRACKING_URI,
      experimentName: values.MLFLOW_EXPERIMENT_NAME,
      registryEnabled: values.ENABLE_MLFLOW_REGISTRY,
      useStages: values.MLFLOW_USE_STAGES,
      username: values.MLFLOW_TRACKING_USERNAME,
      password: values.MLFLOW_TRACKING_PASSWORD,
      token: values.MLFLOW_TRACKING_TOKEN,
      caFile: values.MLFLOW_TRACKING_SERVER_CERT_PATH,
      insecureTls: values.MLFLOW_TRACKING_INSECURE_TLS,
      timeoutMs: values.MLFLOW_HTTP_REQUEST_TIMEOUT * 1000,
    },
    driftThreshold: values.DRIFT_THRESHOLD,
    missingThreshold: values.MODELYARD_MISSING_THRESHOLD,
    errorRateThreshold: values.ERROR_RATE_THRESHOLD,
    latencyThresholdMs: values.LATENCY_THRESHOLD_MS,
    performanceThreshold: values.PERFORMANCE_THRESHOLD,
    healthCheckIntervalSec: values.HEALTH_CHECK_INTERVAL_SEC,
    alertWebhook:
      values.MODELYARD_ALERT_WEBHOOK === undefined
        ? undefined
        : { url: values.MODELYARD_ALERT_WEBHOOK, secret: values.MODELYARD_ALERT_WEBHOOK_SECRET },
    role: values.MODELYARD_ROLE,
    readOnly: flags.readOnly === true || values.MODELYARD_READ_ONLY,
    toolsets: values.MODELYARD_TOOLSETS,
    approvals: values.MODELYARD_APPROVALS,
    approvalMs: Math.round(values.MODELYARD_APPROVAL_HOURS * 3_600_000),
    askTimeoutMs: values.MODELYARD_ASK_TIMEOUT_MS,
    allowedRoots: allowedRoots(roots),
    temporaryRoot: roots === undefined ? realPathOf(tmpdir()) : undefined,
    logLevel: values.MODELYARD_LOG_LEVEL,
    loadTimeoutMs: values.MODELYARD_LOAD_TIMEOUT_MS,
    predictTimeoutMs: values.MODELYARD_PREDICT_TIMEOUT_MS,
    engines,
    defaultEngine: values.MODELYARD_ENGINE,
    engineThreads: values.MODELYARD_ENGINE_THREADS,
    engineMemoryBytes:
      values.MODELYARD_ENGINE_MEMORY_MB === undefined ? undefined : values.MODELYARD_ENGINE_MEMORY_MB * 1e6,
    batching: values.MODELYARD_BATCHING,
    maxQueue: values.MODELYARD_MAX_QUEUE,
    maxLoaded: values.MODELYARD_MAX_LOADED,
    idleUnloadMs: values.MODELYARD_IDLE_UNLOAD_S * 1000,
    maxUploadBytes: values.MODELYARD_MAX_UPLOADS_MB * 1_000_000,
    maxArtifactBytes: values.MODELYARD_MAX_ARTIFACT_MB * 1_000_000,
    objectStore: objectStoreIn(values),
    artifactCacheBytes: values.MODELYARD_ARTIFACT_CACHE_MB * 1_000_000,
    logRetentionMs: values.MODELYARD_LOG_RETENTION_DAYS * 86_400_000,
    logMaxBytes:
      values.MODELYARD_LOG_MAX_MB === undefined ? undefined : values.MODELYARD_LOG_MAX_MB * 1_000_000,
    logExcludedFeatures: values.MODELYARD_LOG_EXCLUDE_FEATURES,
  };
}

/** AWS's own variables count for nothing while the artifacts are local: other programs need them too. */
function objectStoreIn(values: z.output<typeof settingsSchema>): ObjectStoreSettings | undefined {
  const place = parseArtifactAddress(values.MODELYARD_ARTIFACTS);
  if (place === undefined) return undefined;
  const setting = values.AWS_ENDPOINT_URL_S3 === undefined ? 'AWS_ENDPOINT_URL' : 'AWS_ENDPOINT_URL_S3';
  const endpoint = values[setting];
  if (endpoint !== undefined && !webAddress.safeParse(endpoint).success)
    throw new SettingsError(
      `${setting} (its value is not shown) is not valid: must be an address that begins with http:// or https://.`,
      setting,
    );
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw new SettingsError(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY need each other: set both, or neither to use a profile or a role.',
      accessKeyId === undefined ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID',
    );
  return {
    ...place,
    endpoint,
    region: values.AWS_REGION,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, sessionToken: values.AWS_SESSION_TOKEN },
  };
}

/** The settings among the environment's variables; an empty value counts as not set. */
function settingsIn(environment: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || isEmpty(value)) continue;
    if (settingNames.includes(name)) found[name] = value;
    else if (name.startsWith('MODELYARD_'))
      throw new SettingsError(unknownSetting(name, 'environment variable'), name);
  }
  return found;
}

function readConfigFile(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SettingsError(`The config file ${path} cannot be read as JSON: ${messageOf(error)}.`);
  }
  const parsed = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).safeParse(content);
  if (!parsed.success)
    throw new SettingsError(`The config file ${path} must hold one JSON object of names and plain values.`);
  for (const name of Object.keys(parsed.data))
    if (!settingNames.includes(name))
      throw new SettingsError(unknownSetting(name, `setting in ${path}`), name);
  return Object.fromEntries(
    Object.entries(parsed.data)
      .filter(([, value]) => !isEmpty(value))
      .map(([name, value]) => [name, typeof value === 'boolean' ? String(value) : value]),
  );
}

function isEmpty(value: string | number | boolean): boolean {
  return typeof value === 'string' && value.trim() === '';
}

function unknownSetting(name: string, where: string): string {
  return `Unknown ${where} ${name}. Known settings: ${settingNames.join(', ')}.`;
}

function describeIssue(issue: z.core.$ZodIssue | undefined, given: Record<string, unknown>): string {
  const name = String(issue?.path[0] ?? 'settings');
  const value = secretSettings.includes(name) ? '(its value is not shown)' : JSON.stringify(given[name]);
  return `${name}=${value} is not valid: ${issue?.message ?? 'unreadable'}.`;
}
