import type { ServingStatistics } from '../../prediction_log/serving_statistics.ts';
import type { BreakerState } from '../../serving/breaker.ts';
import type { ArtifactState } from './artifact_watch.ts';
import type { HealthStatus } from './health_status.ts';

/** A version's engine in this process. */
export interface EngineState {
  state: 'not_loaded' | 'loading' | 'ready';
  /** Processes here; none where an engine of another machine has it. */
  hosts: number;
  waiting: number;
  runningMs: number | undefined;
}

/** What a version is judged by. */
export interface ModelSigns {
  engine: EngineState;
  statistics: ServingStatistics | undefined;
  artifact: ArtifactState;
  breaker: BreakerState;
  /** Why its probe last failed; null when it passed or there is none. */
  probeFailure: string | null;
  thresholds: { errorRate: number; latencyMs: number };
  /** Archived, and neither in the route nor its shadow: no calls are expected. */
  isOutOfUse: boolean;
}

/** The health of a version, from this process's engine and from all processes' calls of the last hour. */
export function judgeModel(signs: ModelSigns): { status: HealthStatus; detail: string } {
  const { engine, statistics, thresholds } = signs;
  const unhealthy = (detail: string) => ({ status: 'unhealthy' as const, detail });
  const degraded = (detail: string) => ({ status: 'degraded' as const, detail });
  if (signs.artifact === 'missing' || signs.artifact === 'damaged')
    return unhealthy(
      `its artifact is ${signs.artifact}: register the same file again. ${
        engine.state === 'ready'
          ? 'It goes on answering from memory in this process, and cannot be loaded again'
          : 'It is not served until then'
      }`,
    );
  if (signs.artifact === 'unreachable')
    return degraded(
      `this machine cannot reach its artifact now: ${
        engine.state === 'ready'
          ? 'it goes on answering here as long as it is loaded'
          : 'it is not loaded here until it can'
      }`,
    );
  if (signs.breaker === 'open') return unhealthy('its circuit breaker is open');
  if (signs.probeFailure !== null) return unhealthy(`its probe failed: ${signs.probeFailure}`);
  const recent = statistics?.recent;
  const calls = recent?.calls ?? 0;
  const errorRate = calls === 0 ? 0 : (recent?.errors ?? 0) / calls;
  const share = `${(errorRate * 100).toFixed(1)} % of ${calls} calls failed in the last hour`;
  if (errorRate >= 0.5 && errorRate > thresholds.errorRate) return unhealthy(share);
  if (errorRate > thresholds.errorRate) return degraded(share);
  if (signs.breaker === 'half_open')
    return degraded('its circuit breaker is half-open: the next calls decide');
  if (signs.artifact === 'changed')
    return degraded('the file of its artifact was touched and is being verified');
  const p95 = recent?.latencyMs.p95 ?? 0;
  if (p95 > thresholds.latencyMs)
    return degraded(
      `p95 latency ${p95} ms of ${recent?.latencyMs.calls ?? 0} calls is above ${thresholds.latencyMs} ms (p95 of the wait in the queue: ${recent?.queueMs.p95 ?? 0} ms)`,
    );
  if (engine.runningMs !== undefined && engine.runningMs > thresholds.latencyMs)
    return degraded(
      `a run has taken ${Math.round(engine.runningMs)} ms so far, ${engine.waiting} calls wait`,
    );
  if (engine.state === 'loading') return { status: 'unknown', detail: 'loading' };
  if (engine.state === 'ready')
    return {
      status: 'healthy',
      detail: `${engine.hosts === 0 ? 'ready in its engine' : `loaded and warm in ${engine.hosts} process${engine.hosts === 1 ? '' : 'es'}`}; ${calls} calls in the last hour`,
    };
  if (calls > 0)
    return { status: 'healthy', detail: `${share}; not loaded in this process, loads with its next call` };
  if (signs.isOutOfUse)
    return { status: 'healthy', detail: 'archived and out of the route: no calls are expected' };
  return {
    status: 'unknown',
    detail: 'not called in the last hour and not loaded in this process; loads with its next call',
  };
}
