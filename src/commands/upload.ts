import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { hashOf } from '../storage/artifact.ts';
import { artifactStore } from '../storage/artifact_store.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { referredArtifacts } from '../storage/referred_artifacts.ts';
import { requireOwnDirectory } from '../storage/store_identity.ts';
import { parseCommand } from './command_line.ts';
import { print, progressLine } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard upload

Copies the artifacts that versions need from the registry directory into the object store that MODELYARD_ARTIFACTS names,
each checked before, and says which are in neither. Run it once on each machine of a store whose artifacts were kept in
folders until now, with MODELYARD_ARTIFACTS set, before its servers start with it. What is there already is left alone, and
nothing is removed: the folder artifacts can go afterwards. Needs MODELYARD_ROLE=operator or admin, and no
MODELYARD_READ_ONLY. Exit code 1: versions are left whose artifacts another machine must upload.
`;

export const uploadCommand = { usage, run: runUpload };

async function runUpload(settings: Settings, given: string[]): Promise<number> {
  parseCommand('upload', given, {});
  if (!may(settings, 'WRITE'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `Uploading artifacts needs the role operator, and this is ${settings.readOnly ? 'a read-only one' : `the role ${settings.role}`}.`,
      'Set MODELYARD_ROLE=operator, and no MODELYARD_READ_ONLY.',
    );
  return withStore(settings, async (opened) => {
    const { directory, maxArtifactBytes } = settings;
    await requireOwnDirectory(opened, directory);
    const artifacts = await openArtifacts(settings, opened);
    if (artifacts.remote === undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        'MODELYARD_ARTIFACTS names no object store to upload to.',
        'Set MODELYARD_ARTIFACTS=s3://bucket/prefix.',
      );
    const { pathOf } = artifactStore(directory, maxArtifactBytes);
    const progress = progressLine();
    const counts = { uploaded: 0, bytes: 0, there: 0 };
    const missing: string[] = [];
    try {
      await artifacts.remote.check();
      for await (const artifact of referredArtifacts(opened.database)) {
        const path = pathOf(artifact.sha256);
        if (await artifacts.isPresent(artifact)) counts.there++;
        else if ((await hashOf(path).catch(() => undefined)) !== artifact.sha256)
          missing.push(artifact.sha256);
        else {
          await artifacts.add(path);
          counts.uploaded++;
          counts.bytes += artifact.bytes;
        }
        progress.show(`${counts.uploaded} uploaded, ${Math.round(counts.bytes / 1e6)} MB`);
      }
    } finally {
      progress.end();
      artifacts.close();
    }
    for (const sha256 of missing)
      await print(`artifact ${sha256}: neither there nor, undamaged, in ${directory}\n`);
    await print(
      `${counts.uploaded} artifacts uploaded to ${artifacts.remote.address} (${(counts.bytes / 1e6).toFixed(1)} MB), ${counts.there} were there, ${missing.length} are missing.\n`,
    );
    process.exitCode = missing.length > 0 ? 1 : 0;
    return missing.length > 0 ? 1 : 0;
  });
}
