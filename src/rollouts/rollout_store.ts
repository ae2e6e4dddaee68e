import type { Transaction } from 'kysely';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { tellOfChange } from '../monitoring/alerts/index.ts';
import type { Database } from '../storage/database.ts';
import type { RolloutRow, Tables } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
import type { Action, Decision } from './decide.ts';
import { type RolloutPlan, stepKinds, stepName } from './plan.ts';

type RolloutState = RolloutRow['state'];
/** States in which it may still go on. */
export const openStates = ['running', 'paused', 'held'] as const;

const margins = z.strictObject({
  errorRate: z.number(),
  p95: z.number(),
  share: z.number(),
  relative: z.number(),
});
const planSchema = z.strictObject({
  steps: z.array(
    z.strictObject({
      kind: z.enum(stepKinds),
      share: z.number(),
      leastMs: z.number(),
      longestMs: z.number(),
      leastCalls: z.number(),
      margins,
    }),
  ),
  metrics: z.array(z.string()),
  leastAgreement: z.number(),
  mostDrift: z.number(),
});
const finding = z.strictObject({
  criterion: z.string(),
  harm: z.number().nullable(),
  level: z.number(),
  shown: z.boolean().optional(),
  wants: z.number().optional(),
  detail: z.string(),
});
const findings = z.array(finding);
const events = z.strictObject({ candidate: z.number(), incumbent: z.number(), share: z.number() });
const harm = z.strictObject({
  mean: z.number(),
  variance: z.number(),
  degrees: z.number(),
  between: z.number(),
});
const stratum = z.strictObject({
  errors: events,
  errorRate: harm.optional(),
  slow: events.optional(),
  metrics: z.array(z.strictObject({ name: z.string(), harm: harm.optional() })),
  areCalls: z.boolean(),
});
type StoredFinding = z.output<typeof finding>;

/** What is known beside the columns of a rollout. */
const progressSchema = z.strictObject({
  /** As in decide.ts. */
  shown: z.record(z.string(), z.number()),
  strata: z.array(stratum),
  /** By the last look. */
  findings,
  waiting: z.string(),
  expectedMs: z.number().nullable(),
  calls: z.strictObject({ candidate: z.number(), incumbent: z.number() }),
  /** When the route was set that it left or found; another one is somebody else's. Null where there is none. */
  routeSetAt: z.number().nullable(),
  production: z.string().nullable(),
  sticky: z.boolean(),
  /** The shadow that was there before. */
  shadow: z.string().nullable(),
});
export type StoredProgress = z.output<typeof progressSchema>;

/** A rollout as it is kept. */
export interface Rollout {
  rolloutId: string;
  modelId: string;
  version: string;
  incumbent: string | undefined;
  state: RolloutState;
  plan: RolloutPlan;
  reason: string | undefined;
  startedAt: number;
  startedBy: string;
  role: string;
  client: string | undefined;
  endedAt: number | undefined;
  step: number;
  stepBeganAt: number;
  ranMs: number;
  lookedAt: number;
  sequence: number;
  progress: StoredProgress;
}

/** @throws INTERNAL when it is damaged */
export function rolloutOf(row: RolloutRow): Rollout {
  const of = `the rollout ${row.rollout_id}`;
  return {
    rolloutId: row.rollout_id,
    modelId: row.model_id,
    version: row.version,
    incumbent: row.incumbent ?? undefined,
    state: row.state,
    plan: readStored(planSchema, row.plan, { table: 'rollouts', column: 'plan', of }),
    reason: row.reason ?? undefined,
    startedAt: row.started_at,
    startedBy: row.started_by,
    role: row.role,
    client: row.client ?? undefined,
    endedAt: row.ended_at ?? undefined,
    step: row.step,
    stepBeganAt: row.step_began_at,
    ranMs: row.ran_ms,
    lookedAt: row.looked_at,
    sequence: row.sequence,
    progress: readStored(progressSchema, row.progress, { table: 'rollouts', column: 'progress', of }),
  };
}

/** Those that are not over; one of which the row is damaged stands still, and takes no other with it. */
export async function readOpenRollouts(database: Database): Promise<Rollout[]> {
  const rows = await database
    .selectFrom('rollouts')
    .selectAll()
    .where('state', 'in', openStates)
    .orderBy('started_at')
    .execute();
  return rows.flatMap((row) => {
    try {
      return [rolloutOf(row)];
    } catch (error) {
      if (error instanceof ModelYardError) return [];
      throw error;
    }
  });
}

/** The ids of the newest rollouts, those that are not over first. */
export async function readNewestRollouts(database: Database, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('rollouts')
    .select('rollout_id')
    .orderBy((eb) => eb.case().when('state', 'in', openStates).then(0).else(1).end())
    .orderBy('started_at', 'desc')
    .orderBy('rollout_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ rollout_id }) => rollout_id);
}

/** The rollout of that id, or the newest of the model. @throws INVALID_INPUT where there is none */
export async function findRollout(
  database: Database,
  { rolloutId, modelId }: { rolloutId?: string | undefined; modelId?: string | undefined },
): Promise<Rollout> {
  let rows = database.selectFrom('rollouts').selectAll();
  if (rolloutId !== undefined) rows = rows.where('rollout_id', '=', rolloutId);
  if (modelId !== undefined) rows = rows.where('model_id', '=', modelId);
  const row = await rows
    .orderBy('started_at', 'desc')
    .orderBy('rollout_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row !== undefined) return rolloutOf(row);
  throw new ModelYardError(
    'INVALID_INPUT',
    rolloutId === undefined
      ? `There was no rollout of ${modelId ?? 'any model'} yet.`
      : `There is no rollout ${rolloutId}${modelId === undefined ? '' : ` of ${modelId}`}.`,
    'Call start_rollout, or get_rollout with another model_id.',
  );
}

export interface StoredDecision {
  at: number;
  by: string;
  step: number;
  action: string;
  reason: string;
  findings: StoredFinding[];
}

export async function readDecisions(database: Database, rolloutId: string): Promise<StoredDecision[]> {
  const rows = await database
    .selectFrom('rollout_decisions')
    .selectAll()
    .where('rollout_id', '=', rolloutId)
    .orderBy('sequence')
    .execute();
  return rows.map(({ at, by, step, action, reason, evidence }) => ({
    at,
    by,
    step,
    action,
    reason,
    findings: readStored(findings, evidence, {
      table: 'rollout_decisions',
      column: 'evidence',
      of: `the rollout ${rolloutId}`,
    }),
  }));
}

/** Thrown where somebody else changed the rollout, or the traffic, since it was read: nothing is written then. */
export class Overtaken extends Error {}

/** What a decision changes. */
export interface Step {
  state: RolloutState;
  step: number;
  action: Action | 'started' | 'paused' | 'resumed' | 'aborted' | 'skipped';
  reason: string;
  by: string;
  findings: readonly Decision['findings'][number][] | readonly StoredFinding[];
  progress: Partial<StoredProgress>;
}

/**
 * Writes a decision and what follows from it, in the transaction of the change that carries it out.
 *
 * @param rollout as it was read before
 * @throws Overtaken when it is no longer as it was read
 */
export async function writeDecision(
  transaction: Transaction<Tables>,
  rollout: Rollout,
  next: Step,
  at: number,
): Promise<void> {
  const isOpen = openStates.some((state) => state === next.state);
  const isNewStep = next.step !== rollout.step || next.action === 'resumed';
  const progress = { ...rollout.progress, ...next.progress };
  const { numUpdatedRows } = await transaction
    .updateTable('rollouts')
    .set({
      state: next.state,
      step: next.step,
      sequence: rollout.sequence + 1,
      ended_at: isOpen ? null : at,
      looked_at: at,
      ...(isNewStep && { step_began_at: at, ran_ms: 0 }),
      progress: JSON.stringify(progress),
    })
    .where('rollout_id', '=', rollout.rolloutId)
    .where('sequence', '=', rollout.sequence)
    .where('state', '=', rollout.state)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new Overtaken();
  await transaction
    .insertInto('rollout_decisions')
    .values({
      rollout_id: rollout.rolloutId,
      sequence: rollout.sequence + 1,
      at,
      by: next.by,
      step: rollout.step,
      action: next.action,
      reason: storable(next.reason),
      evidence: JSON.stringify(next.findings),
    })
    .execute();
  await tellOfChange(
    transaction,
    {
      id: rollout.rolloutId,
      cause: 'rollout',
      modelId: rollout.modelId,
      version: rollout.version,
      severity: severities[next.state],
      isOver: next.state === 'succeeded' || next.state === 'aborted',
      summary: storable(summaryOf(rollout, next)),
      facts: { state: next.state, action: next.action, step: nameOfStep(rollout.plan, next.step) },
      beganAt: rollout.startedAt,
    },
    at,
  );
}

const severities = {
  running: 'info',
  succeeded: 'info',
  aborted: 'info',
  paused: 'warning',
  held: 'warning',
  rolled_back: 'critical',
} as const;

function summaryOf(rollout: Rollout, { action, state, reason, step }: Step): string {
  const now = state === 'running' ? `now ${nameOfStep(rollout.plan, step)}` : state.replace('_', ' ');
  return `Rollout ${action.replaceAll('_', ' ')}, ${now}. ${reason}`;
}

export function nameOfStep({ steps }: RolloutPlan, position: number): string {
  const step = steps[position];
  return step === undefined ? 'over' : stepName(step);
}

/** PostgreSQL cannot store NUL in text. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').slice(0, 2000);
}
