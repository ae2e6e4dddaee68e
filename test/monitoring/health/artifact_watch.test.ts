import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ArtifactWatch, createArtifactWatch } from '../../../src/monitoring/health/artifact_watch.ts';
import type { VersionRecord } from '../../../src/registry/version_record.ts';
import { hashOf } from '../../../src/storage/artifact.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { type OpenDatabase, openDatabase } from '../../../src/storage/database.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { deployRow, seeder } from '../../registry/seed.ts';
import { temporaryDirectory } from '../../temporary.ts';

const directory = temporaryDirectory();
const { pathOf } = artifactStore(directory, 1e9);
const none = { bytes: 0 };
const plenty = () => ({ bytes: 1e9 });
let opened: OpenDatabase;
let seed: ReturnType<typeof seeder>;
let now = Date.UTC(2026, 0, 1);
let logged: string[] = [];
const logger: Logger = {
  error: (message) => void logged.push(message),
  warn: (message) => void logged.push(message),
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};
const watchAnew = (): ArtifactWatch => {
  logged = [];
  return createArtifactWatch({ database: opened.database, pathOf, hash: hashOf, clock: () => now, logger });
};

beforeAll(async () => {
  opened = await openDatabase({ directory });
  seed = seeder(opened.database, directory);
});
afterAll(() => opened.close());

/** Turns a byte around without any other trace: size and times stay; the change time does not. */
function damage({ artifact }: VersionRecord): void {
  const path = pathOf(artifact.sha256);
  const { atime, mtime } = statSync(path);
  const content = readFileSync(path);
  content[0] = (content[0] ?? 0) ^ 1;
  writeFileSync(path, content);
  utimesSync(path, atime, mtime);
}

test('damage of equal size is found at the next look, and good bytes put back are seen', async () => {
  const watch = watchAnew();
  const record = await seed({ modelId: 'looked-at', version: '1' });
  expect(await watch.look(record.artifact, none)).toBe('unverified');
  expect(await watch.look(record.artifact, plenty())).toBe('verified');
  expect(await watch.look(record.artifact, none)).toBe('verified');
  damage(record);
  expect(await watch.look(record.artifact, plenty())).toBe('damaged');
  expect(await watch.look(record.artifact, none)).toBe('damaged');
  expect(logged).toEqual(['the artifact of looked-at 1 is damaged']);
  damage(record);
  expect(await watch.look(record.artifact, plenty())).toBe('verified');
  rmSync(pathOf(record.artifact.sha256));
  expect(await watch.look(record.artifact, none)).toBe('missing');
  await seed({ modelId: 'looked-at', version: '1' });
  expect(await watch.look(record.artifact, plenty())).toBe('verified');
});

test('a file of another size is damaged without being read', async () => {
  const watch = watchAnew();
  const record = await seed({ modelId: 'shortened', version: '1' });
  writeFileSync(pathOf(record.artifact.sha256), 'x');
  expect(await watch.look(record.artifact, none)).toBe('damaged');
  await seed({ modelId: 'shortened', version: '1' });
});

test('what does not fit the allowance is hashed in the background once it was touched', async () => {
  const watch = watchAnew();
  const record = await seed({ modelId: 'large', version: '1' });
  await watch.look(record.artifact, plenty());
  damage(record);
  expect(await watch.look(record.artifact, none)).toBe('changed');
  // Asking with an allowance waits for the same reading.
  expect(await watch.look(record.artifact, plenty())).toBe('damaged');
  damage(record);
});

test('the report names what is damaged among all versions, deployed or not, and forgets what was deleted', async () => {
  const watch = watchAnew();
  const good = await seed({ modelId: 'reported', version: 'good' });
  const bad = await seed({ modelId: 'reported', version: 'bad' });
  const gone = await seed({ modelId: 'reported', version: 'gone' });
  damage(bad);
  rmSync(pathOf(gone.artifact.sha256));
  const first = await watch.report(plenty());
  expect(first.faults.toSorted((a, b) => a.state.localeCompare(b.state))).toEqual([
    { state: 'damaged', versions: ['reported bad'] },
    { state: 'missing', versions: ['reported gone'] },
  ]);
  expect(first.verified).toBe(first.total - 2);
  expect(await watch.look(good.artifact, none)).toBe('verified');
  await opened.database.deleteFrom('versions').where('version', '=', 'gone').execute();
  damage(bad);
  expect((await watch.report(plenty())).faults).toEqual([]);
});

test('rounds hash everything over time, and once a day again what nobody touched', async () => {
  const record = await seed({ modelId: 'rounds', version: '1' });
  await opened.database.insertInto('deployments').values(deployRow('rounds', '1')).execute();
  const path = pathOf(record.artifact.sha256);
  const hashed: string[] = [];
  let silentlyDamaged = false;
  const watch = createArtifactWatch({
    database: opened.database,
    pathOf,
    clock: () => now,
    logger,
    hash: async (file) => {
      hashed.push(file);
      return silentlyDamaged && file === path ? '0'.repeat(64) : hashOf(file);
    },
  });
  await watch.round();
  expect(await watch.look(record.artifact, none)).toBe('verified');
  const { total, verified } = await watch.report(none);
  expect(verified).toBe(total);
  // What is deployed came first, and every file once.
  expect(hashed[0]).toBe(path);
  expect(new Set(hashed).size).toBe(hashed.length);
  expect(hashed.length).toBe(total);
  now += 3_600_000;
  await watch.round();
  expect(hashed.length).toBe(total);
  now += 86_400_000;
  silentlyDamaged = true;
  await watch.round();
  expect(hashed.length).toBe(2 * total);
  expect(await watch.look(record.artifact, none)).toBe('damaged');
});
