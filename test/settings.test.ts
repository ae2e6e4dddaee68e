import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { SettingsError } from '../src/errors.ts';
import { readSettings } from '../src/settings.ts';
import { temporaryDirectory } from './temporary.ts';

const directory = temporaryDirectory();
function configFile(content: unknown): string {
  const path = join(directory, 'config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('without any setting the defaults hold, in an absolute directory of the user', () => {
  const settings = readSettings({});
  expect(settings).toMatchObject({
    ephemeral: false,
    databaseUrl: undefined,
    mlflow: { trackingUri: undefined, experimentName: undefined, registryEnabled: false },
    driftThreshold: 0.05,
    errorRateThreshold: 0.1,
    latencyThresholdMs: 1000,
    performanceThreshold: 0.1,
    healthCheckIntervalSec: 60,
    alertWebhook: undefined,
    role: 'operator',
    readOnly: false,
    toolsets: undefined,
    approvals: 'ask',
    approvalMs: 3_600_000,
    askTimeoutMs: 45_000,
    logLevel: 'info',
    maxArtifactBytes: 2e9,
    logRetentionMs: 90 * 86_400_000,
    logMaxBytes: undefined,
    logExcludedFeatures: [],
  });
  expect(isAbsolute(settings.directory)).toBe(true);
  expect(settings.directory).toContain(homedir());
});

test.each([
  'postgres://somewhere',
  'postgres://somebody:p%40ss%2F%25w@somewhere:5433/models?sslmode=require',
  'postgres://somebody:p@ss%w@somewhere/models',
  'postgres://somebody:100% sure@somewhere/models',
  'postgresql:///models',
  'postgresql:///models?host=/var/run/postgresql',
  'postgresql://somebody@/models?host=/var/run/postgresql',
  'postgresql://somebody:secret@%2Fvar%2Frun%2Fpostgresql/models',
])('an address that pg can read is one: %s', (url) => {
  expect(readSettings({ DATABASE_URL: url }).databaseUrl).toBe(url);
  expect(() => new pg.Client({ connectionString: url })).not.toThrow();
});

test('every setting is read from the environment', () => {
  const settings = readSettings({
    MODEL_REGISTRY_DIR: directory,
    DATABASE_URL: 'postgresql://somebody@somewhere/models',
    MLFLOW_TRACKING_URI: 'http://somewhere:5000',
    MLFLOW_EXPERIMENT_NAME: 'experiment',
    ENABLE_MLFLOW_REGISTRY: 'true',
    DRIFT_THRESHOLD: '0.01',
    ERROR_RATE_THRESHOLD: '0.2',
    LATENCY_THRESHOLD_MS: '250.5',
    PERFORMANCE_THRESHOLD: '0',
    HEALTH_CHECK_INTERVAL_SEC: '30',
    MODELYARD_ALERT_WEBHOOK: 'https://user:password@hooks.example/token',
    MODELYARD_ALERT_WEBHOOK_SECRET: 'sixteen characters',
    MODELYARD_ROLE: 'admin',
    MODELYARD_READ_ONLY: '1',
    MODELYARD_APPROVALS: 'required',
    MODELYARD_APPROVAL_HOURS: '0.5',
    MODELYARD_ASK_TIMEOUT_MS: '2500',
    MODELYARD_ALLOWED_ROOTS: directory,
    MODELYARD_LOG_LEVEL: 'debug',
    MODELYARD_LOAD_TIMEOUT_MS: '1000',
    MODELYARD_PREDICT_TIMEOUT_MS: '2000',
    MODELYARD_ENGINE_THREADS: '3',
    MODELYARD_MAX_ARTIFACT_MB: '10',
    MODELYARD_LOG_RETENTION_DAYS: '7',
    MODELYARD_LOG_MAX_MB: '500',
    MODELYARD_LOG_EXCLUDE_FEATURES: 'ssn, credit:income,entity_key',
    PATH: 'somebody else’s',
  });
  expect(settings).toMatchObject({
    directory,
    databaseUrl: 'postgresql://somebody@somewhere/models',
    mlflow: { trackingUri: 'http://somewhere:5000', experimentName: 'experiment', registryEnabled: true },
    driftThreshold: 0.01,
    errorRateThreshold: 0.2,
    latencyThresholdMs: 250.5,
    performanceThreshold: 0,
    healthCheckIntervalSec: 30,
    alertWebhook: { url: 'https://user:password@hooks.example/token', secret: 'sixteen characters' },
    role: 'admin',
    readOnly: true,
    approvals: 'required',
    approvalMs: 1_800_000,
    askTimeoutMs: 2500,
    allowedRoots: [directory],
    logLevel: 'debug',
    loadTimeoutMs: 1000,
    predictTimeoutMs: 2000,
    engineThreads: 3,
    maxArtifactBytes: 10e6,
    logRetentionMs: 7 * 86_400_000,
    logMaxBytes: 500e6,
    logExcludedFeatures: ['ssn', 'credit:income', 'entity_key'],
  });
});

test('the environment wins over the config file, and a flag over both', () => {
  const config = configFile({ DRIFT_THRESHOLD: 0.3, MODELYARD_ROLE: 'viewer', MODELYARD_READ_ONLY: false });
  const settings = readSettings({ MODELYARD_ROLE: 'admin' }, { config, readOnly: true });
  expect(settings).toMatchObject({ driftThreshold: 0.3, role: 'admin', readOnly: true });
});

test.each(['', '  '])('the empty value %j counts as not set, in both', (empty) => {
  const config = configFile({ LATENCY_THRESHOLD_MS: empty, PERFORMANCE_THRESHOLD: empty });
  expect(readSettings({ DRIFT_THRESHOLD: empty, DATABASE_URL: empty }, { config })).toMatchObject({
    driftThreshold: 0.05,
    databaseUrl: undefined,
    latencyThresholdMs: 1000,
    performanceThreshold: 0.1,
  });
});

describe('a wrong setting stops the start with a sentence that names it', () => {
  const refused = (environment: NodeJS.ProcessEnv, message: RegExp | string, flags = {}) => {
    const read = () => readSettings(environment, flags);
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(message);
  };

  test.each<[string, string]>([
    ['MODEL_REGISTRY_DIR', 'relative/path'],
    ['DATABASE_URL', 'mysql://somewhere'],
    ['DATABASE_URL', 'postgres://'],
    ['DATABASE_URL', 'postgres://somebody:p/w@somewhere/models'],
    ['DATABASE_URL', 'postgres://somebody:1/2@somewhere/models'],
    ['DATABASE_URL', 'postgres://somebody:%E0%A4%FF@somewhere/models'],
    ['DATABASE_URL', 'postgres://somewhere:port/models'],
    ['DRIFT_THRESHOLD', '1.5'],
    ['DRIFT_THRESHOLD', 'five'],
    ['MODELYARD_MISSING_THRESHOLD', '2'],
    ['ERROR_RATE_THRESHOLD', '-0.1'],
    ['LATENCY_THRESHOLD_MS', '0'],
    ['LATENCY_THRESHOLD_MS', 'Infinity'],
    ['HEALTH_CHECK_INTERVAL_SEC', '1.5'],
    ['ENABLE_MLFLOW_REGISTRY', 'perhaps'],
    ['MODELYARD_ROLE', 'root'],
    ['MODELYARD_ROLE', 'Admin'],
    ['MODELYARD_APPROVALS', 'require'],
    ['MODELYARD_APPROVALS', 'true'],
    ['MODELYARD_APPROVAL_HOURS', '0'],
    ['MODELYARD_ASK_TIMEOUT_MS', '-1'],
    ['MODELYARD_LOG_LEVEL', 'loud'],
    ['MODELYARD_ENGINE_THREADS', '0'],
    ['MODELYARD_LOAD_TIMEOUT_MS', '1e12'],
    ['MODELYARD_LOG_RETENTION_DAYS', '0'],
    ['MODELYARD_LOG_MAX_MB', 'much'],
    ['MODELYARD_LOG_EXCLUDE_FEATURES', 'ssn,,income'],
  ])('%s=%s', (name, value) => {
    refused({ [name]: value }, new RegExp(`^${name}=.* is not valid: .+\\.$`));
  });

  test('an unknown variable, with those that are known', () => {
    refused(
      { MODELYARD_ROLL: 'admin' },
      /^Unknown environment variable MODELYARD_ROLL\. Known settings: .*MODELYARD_ROLE/,
    );
  });

  test('an unknown setting in the file', () => {
    refused({}, /^Unknown setting in .*config\.json DRIFT_TRESHOLD/, {
      config: configFile({ DRIFT_TRESHOLD: 1 }),
    });
  });

  test.each([
    ['is no JSON', '{', /cannot be read as JSON/],
    ['is a list', '[]', /must hold one JSON object/],
    [
      'has a value that is none',
      '{"DRIFT_THRESHOLD": null}',
      /must hold one JSON object of names and plain values/,
    ],
  ])('a file that %s', (_, content, message) => {
    refused({}, message, { config: configFile(content) });
  });

  test('a file that is not there', () => {
    refused({}, /none\.json cannot be read/, { config: join(directory, 'none.json') });
  });

  test('a database address is not shown, for it may hold a password', () => {
    refused(
      { DATABASE_URL: 'mysql://somebody:secret@somewhere' },
      /^DATABASE_URL=\(its value is not shown\)/,
    );
  });

  test.each([
    ['MODELYARD_ALERT_WEBHOOK', 'hooks.slack.com/services/token'],
    ['MODELYARD_ALERT_WEBHOOK', 'ftp://hooks.slack.com/services/token'],
    ['MODELYARD_ALERT_WEBHOOK', 'https:///token of nobody'],
    ['MODELYARD_ALERT_WEBHOOK_SECRET', 'token too short'],
  ])('%s=%s, whose value is not shown either', (name, value) => {
    const environment = { [name]: value };
    refused(environment, new RegExp(`^${name}=\\(its value is not shown\\) is not valid: [^/]+`));
    expect(() => readSettings(environment)).not.toThrow(/token/);
  });

  test('a database kept for a temporary server', () => {
    refused({ DATABASE_URL: 'postgres://somewhere' }, '--ephemeral and DATABASE_URL', { ephemeral: true });
  });

  test('a root that is relative or not there', () => {
    refused({ MODELYARD_ALLOWED_ROOTS: 'models' }, /models is not an absolute path/);
    refused({ MODELYARD_ALLOWED_ROOTS: join(directory, 'none') }, /none does not exist/);
  });
});

test('a temporary server has a directory of its own', () => {
  const one = readSettings({ MODEL_REGISTRY_DIR: directory }, { ephemeral: true });
  const other = readSettings({}, { ephemeral: true });
  expect(one.ephemeral).toBe(true);
  expect(new Set([one.directory, other.directory, directory]).size).toBe(3);
  for (const settings of [one, other]) rmSync(settings.directory, { recursive: true });
});

describe('the roots below which files may be read', () => {
  test('are by default the home, temporary and working directory', () => {
    const { allowedRoots } = readSettings({});
    expect(allowedRoots).toEqual(expect.arrayContaining([homedir(), tmpdir(), process.cwd()]));
  });

  test('are the real paths of those given', () => {
    const [real, link] = [join(directory, 'real'), join(directory, 'link')];
    mkdirSync(real);
    symlinkSync(real, link);
    const { allowedRoots } = readSettings({ MODELYARD_ALLOWED_ROOTS: [link, directory, ''].join(delimiter) });
    expect(allowedRoots).toEqual([real, directory]);
  });
});

describe('where the artifacts are', () => {
  const store = { MODELYARD_ARTIFACTS: 's3://models/a/b/' };

  test('is the directory, whatever AWS is told, unless an object store is named', () => {
    expect(readSettings({ AWS_ENDPOINT_URL: 'nonsense', AWS_ACCESS_KEY_ID: 'alone' }).objectStore).toBe(
      undefined,
    );
    expect(readSettings({}).artifactCacheBytes).toBe(10e9);
  });

  test('is a bucket and a prefix, reached as AWS’s names say', () => {
    expect(readSettings(store).objectStore).toEqual({
      bucket: 'models',
      prefix: 'a/b/',
      endpoint: undefined,
      region: undefined,
      credentials: undefined,
    });
    expect(readSettings({ MODELYARD_ARTIFACTS: 's3://models' }).objectStore).toMatchObject({ prefix: '' });
    const told = {
      AWS_ENDPOINT_URL: 'http://all.example.org',
      AWS_ENDPOINT_URL_S3: 'https://s3.example.org:9000',
      AWS_REGION: 'eu-central-2',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    };
    expect(readSettings({ ...store, ...told }).objectStore).toMatchObject({
      endpoint: 'https://s3.example.org:9000',
      region: 'eu-central-2',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: undefined },
    });
  });

  test.each([
    [
      { MODELYARD_ARTIFACTS: '/mnt/models' },
      /^MODELYARD_ARTIFACTS="\/mnt\/models" is not valid: must be local or s3:/,
    ],
    [{ MODELYARD_ARTIFACTS: 's3://Upper/a' }, /small letters/],
    [{ MODELYARD_ARTIFACT_CACHE_MB: '0' }, /^MODELYARD_ARTIFACT_CACHE_MB="0" is not valid/],
    [
      { ...store, AWS_ENDPOINT_URL_S3: 'user:secret@host' },
      /^AWS_ENDPOINT_URL_S3 \(its value is not shown\)/,
    ],
    [{ ...store, AWS_ACCESS_KEY_ID: 'key' }, /AWS_SECRET_ACCESS_KEY need each other/],
  ])('%j is refused by name', (given, sentence) => {
    expect(() => readSettings(given)).toThrow(SettingsError);
    expect(() => readSettings(given)).toThrow(sentence);
  });

  test('is no object store for what goes away with the server', () => {
    expect(() => readSettings(store, { ephemeral: true })).toThrow(/--ephemeral and MODELYARD_ARTIFACTS/);
  });
});
