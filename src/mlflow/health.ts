import type { Database } from '../storage/database.ts';
import { readOutbox } from './outbox.ts';

export interface MlflowHealth {
  /** One phrase for the server as a whole. */
  summary: string;
  /** Whether the outbox is delivered; undefined without MLflow. */
  check: { name: string; status: 'healthy' | 'degraded'; detail: string } | undefined;
}

/** Failures in a row from which on an outage is part of the status. */
const shownAttempts = 3;

export async function describeMlflow(
  database: Database,
  address: string | undefined,
  uses: { registry: boolean; tracking: boolean },
): Promise<MlflowHealth> {
  if (address === undefined) return { summary: 'not configured', check: undefined };
  if (!uses.registry && !uses.tracking) return { summary: `${address}, for imports`, check: undefined };
  const state = await readOutbox(database).catch(() => undefined);
  // A database that is away is reported by its own check.
  if (state === undefined) return { summary: address, check: undefined };
  const { queued, dead, doubtful, failed, isTrackingRefused, attempts, lastError } = state;
  const parts = [
    attempts > 0 ? `does not play its part (${attempts} attempts): ${lastError}` : `${address} answers`,
    ...(!uses.registry
      ? ['the registry is not sent']
      : [queued > 0 ? `${queued} changes wait to be sent` : 'every change is there']),
    ...(doubtful > 0 ? [`${doubtful} models are compared once more, for a call of theirs was given up`] : []),
    ...(dead > 0 ? [`${dead} models were refused (dead letters)`] : []),
    ...(isTrackingRefused ? ['deployments are not tracked'] : []),
    ...(failed.length > 0 && attempts === 0 ? [`${failed.length} problems (sync_mlflow lists them)`] : []),
  ];
  const troubled = attempts >= shownAttempts || dead > 0 || isTrackingRefused;
  return {
    summary: attempts > 0 ? `${address}, away` : address,
    check: { name: 'mlflow', status: troubled ? 'degraded' : 'healthy', detail: parts.join('; ') },
  };
}
