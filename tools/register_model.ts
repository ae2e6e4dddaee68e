import { z } from 'zod';
import { describeRegistered } from './answers/registered_version.ts';
import { artifact, signature, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { undoRegistration } from './answers/undo.ts';
import { registrationFacts, registrationOf } from './arguments/registration.ts';
import { filePath, modelId, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const registerModel = defineTool({
  name: 'register_model',
  title: 'Register model',
  description:
    'Adds a version in stage development, unserved: copies and hashes the file, reads its signature. Arguments as in deploy_model, which registers too: that to serve at once. The same file again changes nothing; other bytes: VERSION_EXISTS. Next: deploy_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId,
    version,
    source: filePath,
    ...registrationFacts,
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    stage,
    undo: z.string().optional(),
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
      note: storedTexts,
      ...describeRegistered(record),
      ...(created && { undo: undoRegistration(record) }),
      warnings: [
        ...record.warnings,
        ...(created ? [] : ['It was registered before with the same bytes; nothing was changed.']),
      ],
    };
  },
});
