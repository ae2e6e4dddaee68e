import { z } from 'zod';
import type { AuditEntryRow } from '../storage/schema.ts';

/** An audit entry's content about deployments and traffic. */
export type DeploymentEvent =
  | { kind: 'deployed'; version: string; route: TrafficRoute | undefined }
  | { kind: 'failed'; version: string; code: string; detail: string }
  | { kind: 'retired'; version: string; route: TrafficRoute | undefined }
  | { kind: 'traffic'; route: TrafficRoute };

const route = z.object({
  weights: z.array(z.tuple([z.string(), z.number()])),
  sticky: z.boolean().optional(),
  shadowVersion: z.string().nullish(),
});
export interface TrafficRoute {
  weights: readonly (readonly [version: string, weight: number])[];
  sticky?: boolean | undefined;
  shadowVersion?: string | null | undefined;
}

const deployment = z.object({ deployed: z.boolean(), route: route.nullish() });
const promotion = z.object({ activated: z.literal(true) });
const rollback = z.object({ active: z.string() });

/** undefined: the entry is about something else. */
export function deploymentEvent(
  entry: Pick<AuditEntryRow, 'action' | 'version' | 'outcome' | 'after' | 'detail'>,
): DeploymentEvent | undefined {
  const { action, version, outcome, detail } = entry;
  if (outcome !== 'done')
    return action === 'deploy_model' && version !== null
      ? { kind: 'failed', version, code: outcome, detail: detail ?? '' }
      : undefined;
  const after: unknown = entry.after === null ? undefined : JSON.parse(entry.after);
  const deployed = deployment.safeParse(after);
  if (deployed.success && version !== null)
    return {
      kind: deployed.data.deployed ? 'deployed' : 'retired',
      version,
      route: deployed.data.route ?? undefined,
    };
  const moved = route.safeParse(after);
  if (moved.success) return { kind: 'traffic', route: moved.data };
  const active = rollback.safeParse(after);
  if (active.success) return { kind: 'traffic', route: { weights: [[active.data.active, 1]] } };
  return promotion.safeParse(after).success && version !== null
    ? { kind: 'traffic', route: { weights: [[version, 1]] } }
    : undefined;
}
