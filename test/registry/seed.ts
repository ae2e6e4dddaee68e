import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Registration, registerVersion } from '../../src/registry/register.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';

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
