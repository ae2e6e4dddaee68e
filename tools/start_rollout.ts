import { z } from 'zod';
import { comparableMetricNames } from '../src/monitoring/performance/index.ts';
import { defaultChoices, stepName } from '../src/rollouts/plan.ts';
import { describeSteps, nextCall, rolloutState, undoOf } from './answers/rollout_answer.ts';
import { roomFor } from './answers/room.ts';
import { notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { modelId, orJsonText, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const share = z.number().gt(0).max(1);
/** Characters of warnings in an answer. */
const warningCharacters = 2500;
/** Of the calls, in a step: a smaller one shows nothing. */
const stepShare = z.number().min(0.001).max(1);
const seconds = z.number().min(0).max(31_536_000);

export const startRollout = defineTool({
  name: 'start_rollout',
  title: 'Start rollout',
  description:
    'Rolls a registered version out safely by itself: probe, backtest, shadow, 5 %, 25 %, 50 %, all calls, production; on only when evidence rules harm out, back at once when it proves harm, held when calls are too few. Report: get_rollout. dry_run shows the plan.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version,
    plan: orJsonText(
      z.strictObject({
        backtest: z.boolean().optional(),
        shadow: z.boolean().optional(),
        shares: z.array(stepShare).min(1).max(10).optional(),
        least_s: seconds.optional(),
        longest_s: seconds.optional(),
        least_calls: z.number().int().min(0).optional(),
        error_margin: share.optional(),
        p95_margin: z.number().gt(1).optional(),
        metric_margin: share.optional(),
      }),
    ).optional(),
    metrics: orJsonText(z.array(z.enum(comparableMetricNames)).max(5))
      .optional()
      .describe('Outcomes to wait for'),
    promote: z.boolean().default(true),
    dry_run: z.boolean().default(false),
    reason: z.string().min(1).max(2000).optional(),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    rollout_id: z.string().nullable(),
    model_id: z.string(),
    version: z.string(),
    incumbent: z.string().nullable(),
    state: rolloutState.nullable(),
    step: z.string().nullable(),
    steps: z.array(z.string()),
    next: z.string(),
    undo: z.string(),
    warnings: warnings.optional(),
    not_whole: notWhole,
  }),
  async handle(services, input, call) {
    const { plan = {} } = input;
    const { rollout, ...started } = await services.rollouts.start(
      {
        modelId: input.model_id,
        version: input.version,
        choices: {
          backtest: plan.backtest ?? defaultChoices.backtest,
          shadow: plan.shadow ?? defaultChoices.shadow,
          shares: plan.shares ?? defaultChoices.shares,
          leastSeconds: plan.least_s ?? defaultChoices.leastSeconds,
          longestSeconds: plan.longest_s ?? defaultChoices.longestSeconds,
          leastCalls: plan.least_calls ?? defaultChoices.leastCalls,
          margins: {
            ...defaultChoices.margins,
            ...(plan.error_margin !== undefined && { errorRate: plan.error_margin }),
            ...(plan.p95_margin !== undefined && { p95: plan.p95_margin }),
            ...(plan.metric_margin !== undefined && {
              share: plan.metric_margin,
              relative: plan.metric_margin,
            }),
          },
          metrics: input.metrics ?? [],
          promote: input.promote,
        },
        dryRun: input.dry_run,
        reason: input.reason,
      },
      call,
    );
    const [first] = started.plan.steps;
    const room = roomFor(false);
    const steps = describeSteps(started.plan);
    room.take(steps);
    const alone =
      started.incumbent === undefined
        ? ' No version answers yet, so there is nothing to compare with: it is simply deployed.'
        : '';
    return {
      note: storedTexts,
      rollout_id: rollout?.rolloutId ?? null,
      model_id: input.model_id,
      version: started.version,
      incumbent: started.incumbent ?? null,
      state: rollout?.state ?? null,
      step: rollout === undefined || first === undefined ? null : stepName(first),
      steps,
      next: `${rollout === undefined ? 'Nothing was started: call without dry_run.' : nextCall(rollout)}${alone}`,
      undo: rollout === undefined ? 'nothing to undo' : undoOf(rollout),
      ...(started.warnings.length > 0 && {
        warnings: room.items(started.warnings, 'warnings', warningCharacters),
      }),
      ...room.notWhole('All gates: promote_model dry_run=true.'),
    };
  },
});
