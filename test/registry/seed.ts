import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Insertable } from 'kysely';
import { type Registration, registerVersion } from '../../src/registry/register.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import type { Tables } from '../../src/storage/schema.ts';

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
          inspect: async () => ({
            inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
            outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
            warnings: [],
          }),
        },
      },
      { ...registration, source },
      'operator',
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
