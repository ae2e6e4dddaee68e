import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Insertable } from 'kysely';
import { moveStage } from '../../src/registry/move_stage.ts';
import { registerVersion } from '../../src/registry/register.ts';
import type { Registration } from '../../src/registry/registration.ts';
import type { Stage } from '../../src/registry/stages.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import type { Tables } from '../../src/storage/schema.ts';
import { callBy } from '../access/origins.ts';

/**
 * Registers versions quickly: of files that no runtime has to load, since their signature is said here.
 * Each version is a millisecond younger than the one before.
 */
export function seeder(database: Database, directory: string) {
  let now = Date.UTC(2026, 0, 1);
  const artifacts = artifactStore(directory, 1e9);
  return async (registration: Omit<Registration, 'source'>): Promise<VersionRecord> => {
    const source = join(directory, `${registration.modelId}@${registration.version}.onnx`);
    writeFileSync(source, `${registration.modelId} ${registration.version}`);
    const { record } = await registerVersion(
      {
        database,
        artifacts,
        allowedRoots: [directory],
        clock: () => now++,
        inspector: {
          wholeFile: async ({ fd: file }) => ({ file, remove: async () => undefined }),
          inspect: async () => ({
            inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
            outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
            warnings: [],
            producer: null,
            opsets: [],
          }),
        },
      },
      { ...registration, source },
      callBy('operator'),
    );
    return record;
  };
}

/** A deployment as serving records it, of a version that no engine has loaded. */
export function deployRow(modelId: string, version: string): Insertable<Tables['deployments']> {
  return {
    model_id: modelId,
    version,
    deployed_at: Date.UTC(2026, 0, 1),
    deployed_by: 'operator',
    error_threshold: null,
    latency_threshold_ms: null,
    instances: 1,
    probe: null,
    probed_at: null,
    probe_failure: null,
  };
}

/** Takes a version from development to a stage, as a promotion would, without gates. */
export async function moveTo(
  database: Database,
  modelId: string,
  version: string,
  to: Exclude<Stage, 'development'>,
): Promise<void> {
  await database.transaction().execute((transaction) =>
    moveStage(transaction, {
      modelId,
      version,
      kind: 'promotion',
      forced: false,
      from: 'development',
      to,
      at: Date.UTC(2026, 0, 1),
      by: 'operator',
      reason: null,
    }),
  );
}
