import { z } from 'zod';
import { detail, summarise, versionDetails } from './answers/describe_version.ts';
import { openAlerts, openAlertsOf } from './answers/open_alerts.ts';
import { isoTime, warnings } from './answers/schemas.ts';
import { describeAgreement, shadowAgreement } from './answers/shadow_agreement.ts';
import { fitting } from './answers/shown_signature.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { limit, modelId, responseFormat, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/**
 * Lineage steps in a concise answer, and characters of its versions and its history; less than 2 000 tokens in all.
 */
const shownLineage = 20;
const versionCharacters = 4200;
const historyCharacters = 2200;
/** Changes that a detailed answer tells of. */
const shownChanges = 25;
/** Versions and steps that are shown at least, however long they are. */
const least = 3;

export const getModel = defineTool({
  name: 'get_model',
  title: 'Get a model',
  description:
    "A model's versions, traffic, lineage, history; version or detailed adds signature (the features predict expects), artifact, class labels, hyperparameters; concise: the newest that fit. To find models, page versions: search_models; to weigh them: compare_models.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    stage: stage.optional(),
    limit,
    response_format: responseFormat,
  }),
  output: z.strictObject({
    note: storedNote,
    model_id: z.string(),
    created_at: z.string(),
    description: z.string().nullable(),
    tags: z.record(z.string(), z.string()),
    aliases: z.record(z.string(), z.string()),
    gates: z.record(z.string(), z.record(z.string(), z.unknown())),
    versions: z.array(versionDetails),
    versions_total: z.int(),
    traffic: z.strictObject({
      active_version: z.string().nullable(),
      weights: z.record(z.string(), z.number()),
      shadow_version: z.string().nullable(),
      sticky: z.boolean(),
      changed_at: z.string().optional(),
      changed_by: z.string().optional(),
      deployed_versions: z.array(z.string()),
      engines: z.record(z.string(), z.string()),
      shadows: z.array(shadowAgreement),
    }),
    lineage: z.array(
      z.strictObject({ parent: z.string(), child: z.string(), parent_deleted: z.boolean().optional() }),
    ),
    lineage_truncated: z.boolean(),
    stage_history: z.array(
      z.strictObject({
        transition_id: z.string(),
        version: z.string(),
        from_stage: z.string(),
        to_stage: z.string(),
        sequence: z.int(),
        kind: z.string(),
        forced: z.boolean(),
        at: z.string(),
        by: z.string(),
        reason: z.string().nullable(),
      }),
    ),
    changes: z
      .array(
        z.strictObject({ at: z.string(), by: z.string(), tool: z.string(), version: z.string().nullable() }),
      )
      .optional()
      .describe('Detailed: of anything, the newest first'),
    warnings: warnings.optional(),
    ...openAlerts,
  }),
  async handle(services, input) {
    const filter = { version: input.version, stage: input.stage, limit: input.limit };
    const [model, { route, routeChange, deployedVersions, engines, shadows }, alerts] = await Promise.all([
      services.registry.describe(input.model_id, filter),
      services.serving.describeTraffic(input.model_id),
      openAlertsOf(services, input.model_id),
    ]);
    const whole = input.response_format === 'detailed';
    const detailed = input.version !== undefined || whole;
    const lineage = detailed ? model.lineage : model.lineage.slice(0, shownLineage);
    const versions = model.versions.map((version) =>
      detailed ? detail(version, whole) : summarise(version),
    );
    const history = model.stageHistory.map((transition) => ({
      transition_id: transition.transitionId,
      version: transition.version,
      from_stage: transition.fromStage,
      to_stage: transition.toStage,
      sequence: transition.sequence,
      kind: transition.kind,
      forced: transition.forced,
      at: isoTime(transition.at),
      by: transition.by,
      reason: transition.reason,
    }));
    return {
      note: storedTexts,
      model_id: input.model_id,
      created_at: isoTime(model.createdAt),
      description: model.description,
      tags: model.tags,
      aliases: Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
      gates: model.gates,
      versions: detailed ? versions : fitting(versions, versionCharacters, least),
      versions_total: model.totalVersions,
      traffic: {
        active_version: route?.activeVersion ?? null,
        weights: Object.fromEntries(route?.weights ?? []),
        shadow_version: route?.shadowVersion ?? null,
        sticky: route?.sticky ?? true,
        ...(routeChange && {
          changed_at: isoTime(routeChange.at),
          changed_by: routeChange.by,
        }),
        deployed_versions: deployedVersions,
        engines: Object.fromEntries(engines),
        shadows: shadows.map(describeAgreement),
      },
      lineage: lineage.map(({ parent, child, parentDeleted }) => ({
        parent,
        child,
        ...(parentDeleted && { parent_deleted: true }),
      })),
      lineage_truncated: model.lineageTruncated || lineage.length < model.lineage.length,
      ...(whole && {
        changes: (await services.access.audit.changesOf(input.model_id, shownChanges)).map(
          ({ at, by, action, version }) => ({ at: isoTime(at), by, tool: action, version }),
        ),
      }),
      stage_history: whole ? history : fitting(history, historyCharacters, least),
      ...(model.faults.length > 0 && { warnings: model.faults }),
      ...alerts,
    };
  },
});
