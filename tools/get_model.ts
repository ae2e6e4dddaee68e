import { z } from 'zod';
import { detail, summarise, versionDetails } from './answers/describe_version.ts';
import { openAlerts, openAlertsOf } from './answers/open_alerts.ts';
import { beginning, fittingAnswer, type Room } from './answers/room.ts';
import { isoTime, notWhole, warnings } from './answers/schemas.ts';
import { describeAgreement, shadowAgreement } from './answers/shadow_agreement.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { limit, modelId, responseFormat, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of the parts of a concise answer; less than 2 000 tokens in all. */
const most = {
  description: 300,
  tags: 400,
  aliases: 300,
  gates: 200,
  deployed: 300,
  versions: 5500,
  lineage: 700,
  history: 1300,
  reason: 120,
  warnings: 300,
};
/** Changes that a detailed answer tells of. */
const shownChanges = 25;
/** Versions and steps that are shown at least. */
const least = 3;

export const getModel = defineTool({
  name: 'get_model',
  title: 'Get a model',
  description:
    "A model's versions, traffic, lineage, history; version or detailed adds signature (the features predict expects), artifact, class labels, hyperparameters. To find models, page versions: search_models; to weigh them: compare_models.",
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
    not_whole: notWhole,
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
    const changes =
      whole &&
      (await services.access.audit.changesOf(input.model_id, shownChanges)).map(
        ({ at, by, action, version }) => ({ at: isoTime(at), by, tool: action, version }),
      );
    return fittingAnswer(whole, (room) => {
      room.take(alerts);
      const versions = room.items(
        model.versions.map((version) =>
          input.version !== undefined || whole ? detail(version, whole) : summarise(version),
        ),
        'versions',
        most.versions,
        { least },
      );
      const description =
        model.description && room.text(model.description, 'the description', most.description);
      const traffic = {
        active_version: route?.activeVersion ?? null,
        weights: room.members(Object.fromEntries(route?.weights ?? []), 'weights', most.deployed),
        shadow_version: route?.shadowVersion ?? null,
        sticky: route?.sticky ?? true,
        ...(routeChange && { changed_at: isoTime(routeChange.at), changed_by: routeChange.by }),
        deployed_versions: room.items(deployedVersions, 'deployed versions', most.deployed),
        engines: room.members(Object.fromEntries(engines), 'engines', most.deployed),
        shadows: room.items(shadows.map(describeAgreement), 'shadows', most.deployed),
      };
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
        reason: transition.reason && (whole ? transition.reason : beginning(transition.reason, most.reason)),
      }));
      const lineage = room.items(
        model.lineage.map(({ parent, child, parentDeleted }) => ({
          parent,
          child,
          ...(parentDeleted && { parent_deleted: true }),
        })),
        'steps of descent',
        most.lineage,
      );
      return {
        note: storedTexts,
        model_id: input.model_id,
        created_at: isoTime(model.createdAt),
        description,
        tags: room.members(model.tags, 'tags', most.tags),
        aliases: room.members(
          Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
          'aliases',
          most.aliases,
        ),
        gates: shownGates(model.gates, room),
        versions,
        versions_total: model.totalVersions,
        traffic,
        lineage,
        lineage_truncated: model.lineageTruncated || lineage.length < model.lineage.length,
        ...(changes && { changes }),
        stage_history: room.items(history, 'steps of the stage history', most.history, { least: 1 }),
        ...(model.faults.length > 0 && { warnings: room.items(model.faults, 'warnings', most.warnings) }),
        ...room.notWhole('All: response_format=detailed.'),
        ...alerts,
      };
    });
  },
});

/** Policies whose long maps of limits are cut. */
function shownGates(gates: Record<string, Record<string, unknown>>, room: Room) {
  return Object.fromEntries(
    Object.entries(gates).map(([stageOf, policy]) => [
      stageOf,
      Object.fromEntries(
        Object.entries(policy).map(([rule, wanted]) => [
          rule,
          typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted)
            ? room.members({ ...wanted }, `limits of ${rule}`, most.gates)
            : wanted,
        ]),
      ),
    ]),
  );
}
