import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, hashOfBytes, isMismatch } from '../storage/artifact.ts';
import type { ArtifactStore, RemoteStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import { isReferred, referredArtifacts } from '../storage/referred_artifacts.ts';
import { note, problem, type Report } from './finding.ts';

/** Younger files may be of a registration that is under way, milliseconds. */
const settledAfterMs = 3_600_000;

/**
 * Every artifact that a version refers to is there with its bytes; what is there besides is told.
 * @returns how many artifacts and bytes were read
 */
export async function checkArtifacts(
  {
    database,
    directory,
    artifacts: stored,
    now,
  }: { database: Database; directory: string; artifacts: ArtifactStore; now: number },
  report: Report,
  progress: (artifacts: number, bytes: number) => void,
): Promise<{ artifacts: number; bytes: number }> {
  let artifacts = 0;
  let bytes = 0;
  for await (const artifact of referredArtifacts(database)) {
    const fault = await artifactFault(artifact, stored);
    if (fault !== undefined) await reportFault(database, artifact.sha256, fault, report);
    artifacts++;
    bytes += artifact.bytes;
    progress(artifacts, bytes);
  }
  if (stored.remote === undefined) await reportUnreferred(database, directory, now, report);
  else await reportRemote(database, stored, stored.remote, now, report);
  await reportLeftovers(directory, now, report);
  return { artifacts, bytes };
}

/** @throws STORAGE_UNAVAILABLE when the store that it is in cannot be asked */
async function artifactFault(artifact: Artifact, stored: ArtifactStore): Promise<string | undefined> {
  const { sha256, bytes } = artifact;
  const found = await stored.sizeOf(sha256);
  if (found === undefined) return 'is missing';
  if (found !== bytes) return `has ${found} bytes instead of ${bytes}`;
  try {
    const hash = await hashOfBytes(stored.read(artifact));
    return hash === sha256 ? undefined : 'is damaged: its bytes no longer have that SHA-256';
  } catch (error) {
    if (isMismatch(error)) return 'cannot be read';
    throw error;
  }
}

/** Unless its versions were deleted meanwhile. */
async function reportFault(database: Database, sha256: string, fault: string, report: Report): Promise<void> {
  const versions = await database
    .selectFrom('versions')
    .select(['model_id', 'version'])
    .where('artifact_sha256', '=', sha256)
    .limit(6)
    .execute();
  if (versions.length === 0) return;
  const names = versions.map(({ model_id, version }) => `${model_id} ${version}`).slice(0, 5);
  if (versions.length > 5) names.push('…');
  report(
    problem(
      `the artifact ${sha256} of ${names.join(', ')} ${fault}`,
      'Register the same file again (any model and version): that puts the good bytes back. Without the file, archive and delete what needs it.',
    ),
  );
}

async function reportUnreferred(
  database: Database,
  directory: string,
  now: number,
  report: Report,
): Promise<void> {
  const root = join(directory, 'artifacts');
  for (const folder of await readdir(root).catch(() => [])) {
    const files = await readdir(join(root, folder)).catch(() => [undefined]);
    for (const file of files) {
      const name = join('artifacts', folder, file ?? '');
      const [, rest] = /^([0-9a-f]{62})\.onnx$/.exec(file ?? '') ?? [];
      if (rest === undefined || !/^[0-9a-f]{2}$/.test(folder)) {
        report(note(`${name} is no artifact`, 'Nothing of ModelYard needs it: remove it if you do not.'));
        continue;
      }
      const found = await stat(join(directory, name)).catch(() => undefined);
      if (found === undefined || now - found.mtimeMs < settledAfterMs) continue;
      const version = await database
        .selectFrom('versions')
        .select('version')
        .where('artifact_sha256', '=', `${folder}${rest}`)
        .limit(1)
        .executeTakeFirst();
      if (version === undefined)
        report(
          note(
            `no version refers to ${name} (${found.size} bytes)`,
            'It only takes up space: modelyard litter lists what can go, and modelyard litter --remove removes it.',
          ),
        );
    }
  }
}

async function reportRemote(
  database: Database,
  stored: ArtifactStore,
  { address, unfinished }: RemoteStore,
  now: number,
  report: Report,
): Promise<void> {
  const next =
    'It only takes up space: modelyard litter lists what can go, and modelyard litter --remove removes it.';
  for await (const { at, ...artifact } of stored.list())
    if (now - at >= settledAfterMs && !(await isReferred(database, artifact)))
      report(note(`no version refers to ${artifact.sha256} (${artifact.bytes} bytes) in ${address}`, next));
  for await (const { key, at } of unfinished())
    if (now - at >= settledAfterMs) report(note(`an upload of ${address}${key} was never ended`, next));
}

async function reportLeftovers(directory: string, now: number, report: Report): Promise<void> {
  const root = join(directory, 'incoming');
  for (const file of await readdir(root).catch(() => [])) {
    const found = await stat(join(root, file)).catch(() => undefined);
    if (found !== undefined && now - found.mtimeMs >= settledAfterMs)
      report(
        note(
          `incoming/${file} (${found.size} bytes) was left by a process that was killed`,
          'It only takes up space: the next start removes it, or modelyard litter --remove.',
        ),
      );
  }
}
