import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { describeRegistered, registrationFacts, registrationOf } from './registration.ts';
import { artifact, modelId, orJsonText, records, signature, stage, version, warnings } from './schemas.ts';

export const deployModel = defineTool({
  name: 'deploy_model',
  title: 'Deploy a model version',
  description:
    'Makes a model version answer predictions: registers it first if it is new (then source is required), verifies, loads and warms it in its own process, runs the probe, and only then serves it. With set_active (default) all traffic of the model moves to it; with set_active=false it stands beside the active one and is reached by pinning its version in predict. If any step fails, what served before goes on serving. Next: predict, set_reference_data, promote_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId,
    version,
    source: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe(
        'Absolute path of the .onnx file, or runs:/… or models:/… in MLflow; needed for a new version',
      ),
    set_active: z.boolean().default(true).describe('Move all traffic to this version'),
    ...registrationFacts,
    error_threshold: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Error rate above which the version is degraded'),
    latency_threshold_ms: z.number().positive().optional().describe('p95 latency above which it is degraded'),
    instances: z
      .number()
      .int()
      .min(1)
      .max(16)
      .optional()
      .describe('Engine processes side by side; default 1'),
    probe: orJsonText(
      z.strictObject({
        inputs: records,
        expect: orJsonText(z.array(z.unknown()).meta({ items: {} })).optional(),
        tolerance: z.number().min(0).default(1e-6),
      }),
    )
      .optional()
      .describe('Records the version must answer (with these values) before it serves'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    status: z.literal('ready'),
    active: z.boolean(),
    previous_active: z.string().nullable(),
    stage,
    artifact,
    signature,
    load_ms: z.number(),
    warmup_ms: z.number(),
    warnings,
  }),
  async handle(services, input, { origin, signal, progress }) {
    const outcome = await services.serving.deploy(
      {
        registration: { ...registrationOf(input), source: input.source },
        setActive: input.set_active,
        errorThreshold: input.error_threshold,
        latencyThresholdMs: input.latency_threshold_ms,
        probe: input.probe,
        instances: input.instances,
      },
      origin,
      progress,
      signal,
    );
    return {
      ...describeRegistered(outcome.record),
      status: 'ready' as const,
      active: outcome.active,
      previous_active: outcome.previousActive,
      load_ms: Math.round(outcome.loadMs),
      warmup_ms: Number(outcome.warmupMs.toFixed(2)),
      warnings: outcome.warnings,
    };
  },
});
