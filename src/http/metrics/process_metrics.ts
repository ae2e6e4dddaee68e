import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ModelYardError } from '../../errors.ts';
import { packageVersion } from '../../package_info.ts';
import type { PoolStatus } from '../../serving/engine/pool_hosts.ts';
import type { CallObserver } from '../../serving/observed_calls.ts';
import { boundedKeys, others } from './label_sets.ts';

/** What this process tells of itself when it is asked. */
export interface ProcessStanding {
  /** By `model@version`. */
  pools: readonly (PoolStatus & { key: string })[];
  /** Answered calls that wait in the journal for the database, and for how long the first of them does. */
  log: { waitingCalls: number; lagMs: number };
}

export interface ProcessMetrics {
  registry: Registry;
  calls: CallObserver;
  /** @param route as it was declared, with the names of its parameters */
  responded(method: string, route: string, status: number, elapsedMs: number): void;
}

/** Upper ends of latencies in seconds: two or three a decade, from a tenth of a millisecond to half a minute. */
const latencyBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30,
];
/** Series of one metric that are kept apart; a histogram has eighteen lines for each. */
const mostSeries = 500;

/** Failures of calls whose model is there: the name that others came with may be anything. */
const knownModelCodes: readonly string[] = [
  'ARTIFACT_MISMATCH',
  'CIRCUIT_OPEN',
  'ENGINE_CRASHED',
  'INFERENCE_FAILED',
  'NOT_DEPLOYED',
  'SIGNATURE_MISMATCH',
  'TIMEOUT',
  'VERSION_NOT_FOUND',
];

/** What is counted in this process, to be summed over the processes of a server. */
export function processMetrics(standing: () => ProcessStanding): ProcessMetrics {
  const registry = new Registry();
  const registers = [registry];
  const duration = new Histogram({
    name: 'modelyard_predict_duration_seconds',
    help: 'Time from the arrival of an answered predict call to its answer.',
    labelNames: ['model', 'version', 'route', 'front'] as const,
    buckets: latencyBuckets,
    registers,
  });
  const queued = new Histogram({
    name: 'modelyard_predict_queue_seconds',
    help: 'How much of that the call waited for a free host.',
    labelNames: ['model', 'version'] as const,
    buckets: latencyBuckets,
    registers,
  });
  const rows = new Counter({
    name: 'modelyard_predict_rows_total',
    help: 'Rows of answered predict calls.',
    labelNames: ['model', 'version'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'modelyard_predict_errors_total',
    help: 'Predict calls that failed, by the code of the error; without a model where it is not known to exist.',
    labelNames: ['model', 'front', 'code'] as const,
    registers,
  });
  const responses = new Histogram({
    name: 'modelyard_http_request_duration_seconds',
    help: 'Time from the arrival of an HTTP request to the end of its response.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: latencyBuckets,
    registers,
  });
  addStanding(registers, standing);

  const isOwnCall = boundedKeys(mostSeries);
  const isOwnError = boundedKeys(mostSeries);
  const isOwnResponse = boundedKeys(mostSeries);
  const answeredModels = new Set<string>();
  return {
    registry,
    calls: {
      answered({ modelId, front = 'mcp' }, { version, route, latencyMs, queueMs, predictions }) {
        const isOwn = isOwnCall(`${modelId}@${version}@${route}@${front}`);
        if (isOwn) answeredModels.add(modelId);
        const of = isOwn ? { model: modelId, version } : { model: others, version: '' };
        duration.observe({ ...of, route, front }, latencyMs / 1000);
        queued.observe(of, queueMs / 1000);
        rows.inc(of, predictions.length);
      },
      failed({ modelId, front = 'mcp' }, error) {
        const code = error instanceof ModelYardError ? error.code : 'INTERNAL';
        const isKnown = knownModelCodes.includes(code) || answeredModels.has(modelId);
        const model = isKnown ? modelId : '';
        errors.inc({ model: isOwnError(`${model}@${front}@${code}`) ? model : others, front, code });
      },
    },
    responded(method, route, status, elapsedMs) {
      const isOwn = isOwnResponse(`${method} ${route} ${status}`);
      responses.observe({ method, route: isOwn ? route : others, status }, elapsedMs / 1000);
    },
  };
}

/** What is read when somebody asks. */
function addStanding(registers: Registry[], standing: () => ProcessStanding): void {
  const ofPools = (name: string, help: string, read: (status: PoolStatus) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['model', 'version'] as const,
      registers,
      collect() {
        this.reset();
        for (const pool of standing().pools) {
          const [model = '', version = ''] = pool.key.split('@');
          this.set({ model, version }, read(pool));
        }
      },
    });
  ofPools('modelyard_engine_hosts', 'Hosts that have the version loaded.', ({ hosts }) => hosts);
  ofPools('modelyard_engine_waiting_calls', 'Calls that wait for a free host.', ({ waiting }) => waiting);
  const single = (
    name: string,
    help: string,
    read: () => number,
    aggregator: 'sum' | 'max' | 'min' = 'sum',
  ) =>
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      collect() {
        this.set(read());
      },
    });
  single(
    'modelyard_prediction_log_waiting_calls',
    'Answered calls that are in a journal and not in the database yet.',
    () => standing().log.waitingCalls,
  );
  single(
    'modelyard_prediction_log_lag_seconds',
    'For how long the first of them has waited.',
    () => standing().log.lagMs / 1000,
    'max',
  );
  single('modelyard_workers', 'Processes that answer.', () => 1);
  single('process_resident_memory_bytes', 'Resident memory, without the hosts of models.', () =>
    process.memoryUsage.rss(),
  );
  const startedAt = Date.now() / 1000 - process.uptime();
  single('process_start_time_seconds', 'When the first of them started.', () => startedAt, 'min');
  const used = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  let counted = 0;
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time, without the hosts of models.',
    registers,
    collect() {
      const now = used();
      this.inc(now - counted);
      counted = now;
    },
  });
  new Gauge({
    name: 'modelyard_info',
    help: 'The version of ModelYard.',
    labelNames: ['version'] as const,
    registers,
    aggregator: 'first',
  }).set({ version: packageVersion }, 1);
}
