import { ModelYardError } from '../errors.ts';
import type { ServedVersion } from './served_models.ts';

/**
 * The error of a call that no closed breaker lets pass.
 * @param now milliseconds since 1970: a breaker that is past its time waits for the trial calls under way
 */
export function circuitOpen(
  modelId: string,
  versions: readonly Pick<ServedVersion, 'breaker' | 'record'>[],
  now: number,
): ModelYardError {
  const times = versions.flatMap(({ breaker }) => breaker?.reopensAt ?? []);
  const isTried = times.some((time) => time <= now);
  const names = versions.map(({ record }) => record.version).join(', ');
  const when =
    times.length === 0 || isTried
      ? 'as soon as the trial calls that are under way have succeeded'
      : `at ${new Date(Math.min(...times)).toISOString()}`;
  return new ModelYardError(
    'CIRCUIT_OPEN',
    `The circuit breaker of ${modelId} ${names} is open after failures or slow answers; it lets calls try again ${when}.`,
    isTried
      ? 'Call again in a few seconds, see the cause with health_check, or close it with reset_circuit_breaker.'
      : 'Call again then, see the cause with health_check, or close it with reset_circuit_breaker.',
  );
}
