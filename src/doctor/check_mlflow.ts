import { ModelYardError, SettingsError } from '../errors.ts';
import { openConnection } from '../mlflow/connection.ts';
import { restOf } from '../mlflow/rest.ts';
import type { Settings } from '../settings.ts';
import { type Check, ok, problem } from './check.ts';

const subject = 'mlflow';

/** As long as a person at a terminal likes to wait, milliseconds. */
const patienceMs = 5_000;

/** Whether the MLflow server answers and takes the credentials. Nothing is made there. */
export async function checkMlflow({ mlflow }: Pick<Settings, 'mlflow'>): Promise<Check> {
  const { trackingUri, experimentName, timeoutMs } = mlflow;
  if (trackingUri === undefined) return ok(subject, 'not set (MLFLOW_TRACKING_URI)');
  try {
    const connection = openConnection({ ...mlflow, trackingUri, timeoutMs: Math.min(timeoutMs, patienceMs) });
    try {
      const name = experimentName ?? 'Default';
      const id = await restOf(connection).findExperiment(name);
      const experiment =
        experimentName === undefined
          ? ''
          : `, experiment ${name} ${id === undefined ? 'does not exist yet: it is made with the first deployment' : 'is there'}`;
      return ok(subject, `${connection.address} answers${experiment}`);
    } finally {
      connection.close();
    }
  } catch (error) {
    if (error instanceof ModelYardError)
      return problem(subject, error.message.replace(/\.$/, ''), error.hint);
    if (error instanceof SettingsError)
      return problem(subject, error.message.replace(/\.$/, ''), 'Correct the setting.');
    throw error;
  }
}
