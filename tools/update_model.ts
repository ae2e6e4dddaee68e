import { z } from 'zod';
import { beginning, roomFor } from './answers/room.ts';
import { notWhole } from './answers/schemas.ts';
import { storedTexts } from './answers/stored_texts.ts';
import { undoUpdate } from './answers/undo.ts';
import {
  anyMap,
  gatePolicies,
  modelId,
  nullableMap,
  orJsonText,
  version,
  versionMap,
  versionReference,
} from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** An empty text or map removes the value; null, as everywhere, leaves it unchanged. */
const text = (length: number) => z.string().max(length).optional();
const textOrNone = (value: string | undefined) => (value === '' ? null : value);
const mapOrNone = <Map extends object>(map: Map | undefined) =>
  map !== undefined && Object.keys(map).length === 0 ? null : map;

export const updateModel = defineTool({
  name: 'update_model',
  title: 'Update model',
  description:
    'Changes a version\'s facts (without version the model\'s description and tags) and aliases. What is left out stays; "" or {} removes a fact, null in a map that member; hyperparameters, parent_versions are replaced whole. Bytes, signature, class labels never change. An alias works wherever a version does. Stage: promote_model. Next: get_model.',
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
    hyperparameters: anyMap.optional(),
    parent_versions: orJsonText(z.array(versionReference).max(100)).optional(),
    aliases: versionMap.optional().describe('Alias to version, or null'),
    gates: gatePolicies
      .optional()
      .describe(
        'Role admin: {production|staging: null or {min_metrics, max_metrics, not_worse_than_incumbent: {name: number}, lower_is_better, higher_is_better: [name], signature, probe, no_critical_drift, require_staging, approval: true, min_hours_in_staging, shadow_agreement: {min, calls}, backtest: {not_worse_by, on: metric}}}',
      ),
    reason: z.string().min(1).max(2000).optional(),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string().optional(),
    changed: z.array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() })),
    undo: z.string().optional(),
    note: z.string().optional(),
    not_whole: notWhole,
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
        tags: mapOrNone(input.tags),
        metrics: mapOrNone(input.metrics),
        hyperparameters: mapOrNone(input.hyperparameters),
        parentVersions: input.parent_versions,
        aliases: input.aliases,
        gates: input.gates,
      },
      origin,
    );
    const room = roomFor(false);
    const shown = changed.map((change) => ({
      field: beginning(change.field, 300),
      before: shownValue(change.before),
      after: shownValue(change.after),
    }));
    return {
      note: changed.length === 0 ? 'Nothing was changed: everything given is so already.' : storedTexts,
      model_id: input.model_id,
      ...(name !== undefined && { version: name }),
      changed: room.items(shown, 'changes', most.changes),
      ...(changed.length > 0 && { undo: shortUndo(undoUpdate(input.model_id, name, changed)) }),
      ...room.notWhole('All are made: get_model with response_format=detailed has the values.'),
    };
  },
});

/** Characters of the parts of an answer: a value before or after, all of them, and the call that undoes it. */
const most = { value: 1500, changes: 4000, undo: 2500 };

/** The call with its whole arguments, or where they are long where the values are. */
function shortUndo(call: string): string {
  return call.length <= most.undo
    ? call
    : 'Call update_model with the values before: they are too long for an answer, the audit trail has them (modelyard audit).';
}

/** A value; of one that is long the beginning, as text. */
function shownValue(value: unknown): unknown {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length <= most.value ? value : beginning(text, most.value);
}
