import { z } from 'zod';
import { describeRegistered } from './answers/registered_version.ts';
import { artifact, signature, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { undoDeployment } from './answers/undo.ts';
import { parseRows } from './arguments/given_rows.ts';
import { registrationFacts, registrationOf } from './arguments/registration.ts';
import { filePath, modelId, orJsonText, record, records, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const deployModel = defineTool({
  name: 'deploy_model',
  title: 'Deploy model',
  description:
    "Serves a version: registers it if new (needs source), verifies, loads, warms, probes it, then moves all traffic to it; with set_active=false it stands beside, reached by predict's version. If a step fails, what served goes on. Next: predict, set_reference_data, promote_model.",
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId,
    version,
    source: filePath.optional().describe('Absolute .onnx path, or MLflow runs:/…, models:/…'),
    set_active: z.boolean().default(true),
    ...registrationFacts,
    feature_names: registrationFacts.feature_names.describe('One a column, in training order'),
    class_labels: registrationFacts.class_labels.describe('In the order of the probabilities'),
    metrics: registrationFacts.metrics.describe('Name to number'),
    tags: registrationFacts.tags.describe('Name to text'),
    parent_version: registrationFacts.parent_version.describe('version or model:version'),
    error_threshold: z.number().min(0).max(1).optional().describe('Degraded above this error rate'),
    latency_threshold_ms: z.number().positive().optional().describe('Degraded above this p95'),
    instances: z.number().int().min(1).max(16).optional().describe('Processes; default 1'),
    engine: z.string().min(1).max(40).optional().describe('embedded, or one of MODELYARD_ENGINES'),
    probe: orJsonText(
      record.pipe(
        z.strictObject({
          inputs: records.optional(),
          tensors: orJsonText(record).optional(),
          expect: orJsonText(z.array(z.unknown())).optional(),
          tolerance: z.number().min(0).default(1e-6),
        }),
      ),
    )
      .optional()
      .describe('{inputs or tensors as in predict, expect: [values], tolerance: 1e-6}'),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    status: z.literal('ready'),
    active: z.boolean(),
    previous_active: z.string().nullable(),
    undo: z.string().optional(),
    stage,
    artifact,
    signature,
    load_ms: z.number(),
    warmup_ms: z.number(),
    warnings,
  }),
  async handle(services, input, call) {
    const outcome = await services.serving.deploy(
      {
        registration: { ...registrationOf(input), source: input.source },
        setActive: input.set_active,
        errorThreshold: input.error_threshold,
        latencyThresholdMs: input.latency_threshold_ms,
        probe: input.probe && { ...input.probe, input: parseRows('probe', input.probe) },
        instances: input.instances,
        engine: input.engine,
      },
      call,
      call.progress,
      call.signal,
    );
    const { record, previous, wasDeployed } = outcome;
    const undo = undoDeployment(record, { previous, setActive: input.set_active, wasDeployed });
    const { model_id, version: name, ...facts } = describeRegistered(record);
    return {
      note: storedTexts,
      model_id,
      version: name,
      status: 'ready' as const,
      active: outcome.active,
      previous_active: previous?.activeVersion ?? null,
      ...(undo !== undefined && { undo }),
      ...facts,
      load_ms: Math.round(outcome.loadMs),
      warmup_ms: Number(outcome.warmupMs.toFixed(2)),
      warnings: outcome.warnings,
    };
  },
});
