import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStore } from '../../src/storage/store.ts';
import { openToOthers, tightenModes } from '../../src/storage/tighten_modes.ts';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';
import { temporaryDirectory } from '../temporary.ts';

function directoryWith(mode: number): string {
  const directory = join(temporaryDirectory(), 'store');
  mkdirSync(directory);
  chmodSync(directory, mode);
  return directory;
}

describe.skipIf(process.platform === 'win32')('a store is its owner’s alone', () => {
  test('a directory or database that others can read is named with its mode, until it is closed to them', () => {
    const directory = directoryWith(0o755);
    expect(openToOthers(directory)).toBe(`${directory} (mode 0755)`);
    tightenModes(directory);
    expect(openToOthers(directory)).toBeUndefined();
    const database = join(directory, 'modelyard.db');
    writeFileSync(database, '');
    chmodSync(database, 0o640);
    expect(openToOthers(directory)).toBe(`${database} (mode 0640)`);
    tightenModes(directory);
    expect(statSync(database).mode & 0o777).toBe(0o600);
    expect(openToOthers(directory)).toBeUndefined();
    expect(openToOthers(join(directory, 'nowhere'))).toBeUndefined();
  });

  test('a folder for everybody, such as /tmp, is left as it is, and a start warns of it', async () => {
    for (const [mode, warns] of [
      [0o1777, true],
      [0o755, false],
    ] as const) {
      const directory = directoryWith(mode);
      const warnings: string[] = [];
      const quiet = createLogger({ directory: temporaryDirectory(), level: 'error' });
      const logger: Logger = { ...quiet, warn: (message) => void warnings.push(message) };
      const store = await openStore(
        { directory, maxArtifactBytes: 1e9, objectStore: undefined, artifactCacheBytes: 1e9 },
        { logger, clock: () => 1 },
      );
      await store.close();
      expect(warnings).toEqual(
        warns
          ? [
              expect.stringContaining(
                `others on this machine can get at what the store holds: ${directory} (mode 0777)`,
              ),
            ]
          : [],
      );
    }
  });
});
