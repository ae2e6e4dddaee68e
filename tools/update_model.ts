import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import {
  anyMap,
  gatePolicies,
  modelId,
  nullableMap,
  orJsonText,
  version,
  versionMap,
  versionReference,
} from './schemas.ts';

/** null and '' both take a text away: some clients cannot send null, and some trip over a type that is two. */
const text = (length: number) =>
  z.preprocess((value) => (value === null ? '' : value), z.string().max(length)).optional();
const textOrNone = (value: string | undefined) => (value === '' ? null : value);

const isEmpty = (map: object | undefined) => map !== undefined && Object.keys(map).length === 0;

export const updateModel = defineTool({
  name: 'update_model',
  title: 'Update a model',
  description:
    'Changes what describes a version (or, without version, the model itself: description, tags) and the aliases. Facts left out stay; null takes one away; hyperparameters and parent_versions are replaced whole. What a version is (bytes, signature, class labels) never changes. An alias such as champion is usable wherever a version is. The stage: promote_model. Next: get_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    description: text(10_000),
    author: text(256),
    framework: text(256),
    algorithm: text(256),
    tags: nullableMap(z.string().max(5000)).optional(),
    metrics: nullableMap(z.number()).optional(),
    hyperparameters: z.preprocess((value) => value ?? {}, anyMap).optional(),
    parent_versions: orJsonText(z.array(versionReference).max(100)).optional(),
    aliases: versionMap.optional().describe('Alias to version, or null'),
    gates: gatePolicies
      .optional()
      .describe(
        'Role admin: {production or staging: null or {min_metrics, max_metrics, not_worse_than_incumbent: {name: number}, lower_is_better or higher_is_better: [name], signature, probe, no_critical_drift, require_staging, approval: true, min_hours_in_staging, shadow_agreement: {min, calls}}}',
      ),
    reason: z.string().min(1).max(2000).optional().describe('Goes to the audit trail'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string().optional(),
    changed: z.array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() })),
    note: z.string().optional(),
  }),
  async handle(services, input, { origin }) {
    const { version: name, changed } = await services.registry.update(
      {
        modelId: input.model_id,
        version: input.version,
        description: textOrNone(input.description),
        author: textOrNone(input.author),
        framework: textOrNone(input.framework),
        algorithm: textOrNone(input.algorithm),
        tags: input.tags,
        metrics: input.metrics,
        hyperparameters: isEmpty(input.hyperparameters) ? null : input.hyperparameters,
        parentVersions: input.parent_versions,
        aliases: input.aliases,
        gates: input.gates,
      },
      origin,
    );
    return {
      model_id: input.model_id,
      ...(name !== undefined && { version: name }),
      changed,
      ...(changed.length === 0 && { note: 'Nothing was changed: everything given is so already.' }),
    };
  },
});
