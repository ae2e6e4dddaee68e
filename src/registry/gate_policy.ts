import type { Transaction } from 'kysely';
import { z } from 'zod';
import { memberName } from '../json_shape.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';

/** The stages whose entry a model can guard. */
export const guardedStages = ['staging', 'production'] as const;
export type GuardedStage = (typeof guardedStages)[number];

const metrics = z.record(memberName, z.number());

const metricNames = z.array(z.string().min(1).max(256)).max(100);

/** What must hold before a version enters a stage; a condition that is not given is not checked. */
export const gatePolicySchema = z
  .strictObject({
    min_metrics: metrics.optional(),
    max_metrics: metrics.optional(),
    not_worse_than_incumbent: z.record(memberName, z.number().min(0)).optional(),
    lower_is_better: metricNames.optional(),
    higher_is_better: metricNames.optional(),
    probe: z.boolean().optional(),
    signature: z.boolean().optional(),
    shadow_agreement: z
      .strictObject({ min: z.number().min(0).max(1), calls: z.number().int().min(1) })
      .optional(),
    /** By how much the candidate may be worse by a metric (`on`) when the log's calls are replayed on both. */
    backtest: z.strictObject({ not_worse_by: z.number().min(0), on: z.string().min(1).max(256) }).optional(),
    no_critical_drift: z.boolean().optional(),
    min_hours_in_staging: z.number().positive().optional(),
    require_staging: z.boolean().optional(),
    approval: z.boolean().optional(),
  })
  .refine(
    ({ lower_is_better = [], higher_is_better = [] }) =>
      !lower_is_better.some((name) => higher_is_better.includes(name)),
    { message: 'a metric stands in lower_is_better and in higher_is_better: keep one' },
  );
export type GatePolicy = z.output<typeof gatePolicySchema>;
/** Policies by stage; null: none. */
export type GatePolicies = Partial<Record<GuardedStage, GatePolicy | null | undefined>>;

/** @throws INTERNAL when it is damaged */
export function parseGatePolicy(row: { model_id: string; stage: string; policy: string }): GatePolicy {
  const of = `the gates of ${row.model_id} for ${row.stage}`;
  return readStored(gatePolicySchema, row.policy, { table: 'gate_policies', column: 'policy', of });
}

/** The policy for entering a stage; empty when none was set. */
export async function readGatePolicy(
  database: Database,
  modelId: string,
  stage: string,
): Promise<GatePolicy> {
  const row = await database
    .selectFrom('gate_policies')
    .select('policy')
    .where('model_id', '=', modelId)
    .where('stage', '=', stage)
    .executeTakeFirst();
  return row === undefined ? {} : parseGatePolicy({ model_id: modelId, stage, policy: row.policy });
}

export async function readGatePolicies(
  database: Database,
  modelId: string,
): Promise<Partial<Record<GuardedStage, GatePolicy>>> {
  const rows = await database
    .selectFrom('gate_policies')
    .select(['stage', 'policy'])
    .where('model_id', '=', modelId)
    .orderBy('stage')
    .execute();
  return Object.fromEntries(
    rows.map(({ stage, policy }) => [stage, parseGatePolicy({ model_id: modelId, stage, policy })]),
  );
}

/** Replaces the given policies as a whole; null removes a stage's policy. */
export async function writeGatePolicies(
  transaction: Transaction<Tables>,
  modelId: string,
  policies: GatePolicies,
  at: number,
  by: string,
): Promise<void> {
  for (const stage of guardedStages) {
    const policy = policies[stage];
    if (policy === undefined) continue;
    await transaction
      .deleteFrom('gate_policies')
      .where('model_id', '=', modelId)
      .where('stage', '=', stage)
      .execute();
    if (policy !== null)
      await transaction
        .insertInto('gate_policies')
        .values({ model_id: modelId, stage, policy: JSON.stringify(policy), changed_at: at, changed_by: by })
        .execute();
  }
}
