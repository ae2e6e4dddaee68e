import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { describeRegistered, registrationFacts, registrationOf } from './registration.ts';
import { artifact, modelId, signature, stage, version, warnings } from './schemas.ts';

export const registerModel = defineTool({
  name: 'register_model',
  title: 'Register a model version',
  description:
    'Adds a version of an ONNX model to the registry in stage development without serving it: copies and hashes the file, loads it once in a separate process to read its signature, keeps its facts. Use it to catalogue a version for later; to serve one right away call deploy_model instead, which registers too. Registering the same file again changes nothing; other bytes under the same version are VERSION_EXISTS. Next: deploy_model, promote_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId,
    version,
    source: z
      .string()
      .min(1)
      .max(4096)
      .describe('Absolute path of the .onnx file, or runs:/… or models:/… in MLflow'),
    ...registrationFacts,
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    stage,
    artifact,
    signature,
    warnings,
  }),
  async handle(services, input, { origin, signal, progress }) {
    const { record, created } = await services.registry.register(
      { ...registrationOf(input), source: input.source },
      origin,
      signal,
      (received, total) => progress(received, total, `downloaded ${(received / 1e6).toFixed(1)} MB`),
    );
    return {
      ...describeRegistered(record),
      warnings: [
        ...record.warnings,
        ...(created ? [] : ['It was registered before with the same bytes; nothing was changed.']),
      ],
    };
  },
});
