import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { detail, summarise, versionDetails } from './describe_version.ts';
import { isoTime, limit, modelId, responseFormat, stage, version } from './schemas.ts';
import { describeAgreement, shadowAgreement } from './shadow_agreement.ts';

/** Steps of lineage in a concise answer, and characters of its versions and of its history: less than 2 000 tokens in all. */
const shownLineage = 20;
const versionCharacters = 4200;
const historyCharacters = 2200;
/** However long they are, so many of each. */
const least = 3;

export const getModel = defineTool({
  name: 'get_model',
  title: 'Get a model',
  description:
    'Everything about one model: its versions with stages, metrics and aliases, which one has the traffic, lineage (parents and children, some generations) and the history of stages. Name a version, or ask for detailed, to see the signature (the features that predict expects), artifact, class labels and hyperparameters. Concise shows the newest versions and steps that have room. To find a model by other things than its name, or page through all its versions, call search_models; to weigh versions compare_models.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional().describe('Only this version, in detail'),
    stage: stage.optional().describe('Only versions in this stage'),
    limit,
    response_format: responseFormat,
  }),
  output: z.strictObject({
    model_id: z.string(),
    created_at: z.string(),
    description: z.string().nullable(),
    tags: z.record(z.string(), z.string()),
    aliases: z.record(z.string(), z.string()),
    gates: z.record(z.string(), z.record(z.string(), z.unknown())),
    versions: z.array(versionDetails),
    versions_total: z.number(),
    traffic: z.strictObject({
      active_version: z.string().nullable(),
      weights: z.record(z.string(), z.number()),
      shadow_version: z.string().nullable(),
      sticky: z.boolean(),
      deployed_versions: z.array(z.string()),
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
        sequence: z.number(),
        kind: z.string(),
        forced: z.boolean(),
        at: z.string(),
        by: z.string(),
        reason: z.string().nullable(),
      }),
    ),
  }),
  async handle(services, input) {
    const model = await services.registry.describe(input.model_id, {
      version: input.version,
      stage: input.stage,
      limit: input.limit,
    });
    const { route, deployedVersions, shadows } = model.traffic;
    const detailed = input.version !== undefined || input.response_format === 'detailed';
    const lineage = detailed ? model.lineage : model.lineage.slice(0, shownLineage);
    const versions = model.versions.map(detailed ? detail : summarise);
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
      model_id: input.model_id,
      created_at: isoTime(model.createdAt),
      description: model.description,
      tags: model.tags,
      aliases: Object.fromEntries(model.aliases.map(({ alias, version }) => [alias, version])),
      gates: model.gates,
      versions: detailed ? versions : fitting(versions, versionCharacters),
      versions_total: model.totalVersions,
      traffic: {
        active_version: route?.activeVersion ?? null,
        weights: Object.fromEntries(route?.weights ?? []),
        shadow_version: route?.shadowVersion ?? null,
        sticky: route?.sticky ?? true,
        deployed_versions: deployedVersions,
        shadows: shadows.map(describeAgreement),
      },
      lineage: lineage.map(({ parent, child, parentDeleted }) => ({
        parent,
        child,
        ...(parentDeleted && { parent_deleted: true }),
      })),
      lineage_truncated: model.lineageTruncated || lineage.length < model.lineage.length,
      stage_history: detailed ? history : fitting(history, historyCharacters),
    };
  },
});

/** The first of them, which are the newest, as many as have room. */
function fitting<Item>(items: readonly Item[], characters: number): Item[] {
  let left = characters;
  return items.filter((item, index) => {
    left -= JSON.stringify(item).length + 1;
    return left >= 0 || index < least;
  });
}
