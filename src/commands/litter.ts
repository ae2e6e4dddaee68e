import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { appendAudit } from '../access/audit.ts';
import { originOf } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import { removeUnused } from '../registry/collect_garbage.ts';
import type { Settings } from '../settings.ts';
import type { Artifact } from '../storage/artifact.ts';
import type { ArtifactStore, RemoteStore } from '../storage/artifact_store.ts';
import { abandonedAfterMs, type Leftover, leftovers } from '../storage/clear_incoming.ts';
import type { Database } from '../storage/database.ts';
import type { UnfinishedUpload } from '../storage/object_store.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { isReferred } from '../storage/referred_artifacts.ts';
import { requireOwnDirectory, storeIdOf } from '../storage/store_identity.ts';
import { parseCommand } from './command_line.ts';
import { print } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard litter [--remove]

Lists what no version needs: artifacts that nothing refers to, in the registry directory or the object store that
MODELYARD_ARTIFACTS names, uploads there that were never ended, and what a killed process left in the directory on its way
in, an hour old or more. Nothing is removed.

  --remove  list them and remove them. Needs MODELYARD_ROLE=admin, and no MODELYARD_READ_ONLY; the audit trail says
            what went.
`;

export const litterCommand = { usage, run: runLitter };

export async function runLitter(settings: Settings, given: string[]): Promise<number> {
  const { values } = parseCommand('litter', given, { remove: { type: 'boolean' } });
  const remove = values.remove ?? false;
  const caller = { role: settings.role, readOnly: settings.readOnly, client: 'command line' };
  if (remove && !may(caller, 'ADMIN'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `Removing files needs the role admin, and this is ${settings.readOnly ? 'a read-only one' : `the role ${settings.role}`}.`,
      'Set MODELYARD_ROLE=admin, and no MODELYARD_READ_ONLY, to remove them.',
    );
  return withStore(settings, async (opened) => {
    const { directory } = settings;
    const { database } = opened;
    await requireOwnDirectory(opened, directory);
    if (remove && storeIdOf(directory) === undefined) throw withoutStore(directory);
    const artifacts = await openArtifacts(settings, opened);
    const { remote } = artifacts;
    // Another store's artifacts would all be unknown to this one.
    await remote?.check();
    const now = Date.now();
    const unused = await unusedArtifacts(database, artifacts, now);
    const uploads = remote === undefined ? [] : await unfinishedUploads(remote, now);
    const left = await leftovers(directory, now);
    const bytes = [...unused, ...left].reduce((sum, file) => sum + file.bytes, 0);
    for (const { sha256, bytes: size } of unused)
      await print(`artifact ${sha256} (${size} bytes): no version refers to it\n`);
    for (const { key } of uploads) await print(`${key}: an upload that was never ended\n`);
    for (const { name, bytes: size } of left)
      await print(`${name} (${size} bytes): left by a process that was killed\n`);
    const count = unused.length + uploads.length + left.length;
    const files = `${count} file${count === 1 ? '' : 's'}, ${(bytes / 1e6).toFixed(1)} MB`;
    if (!remove || count === 0) {
      await print(`${files}.${count === 0 ? '' : ' Nothing was removed: --remove removes them.'}\n`);
      return 0;
    }
    const removed = await removeAll({ database, artifacts, directory }, { unused, uploads, left });
    artifacts.close();
    await database
      .transaction()
      .execute((transaction) =>
        appendAudit(
          transaction,
          originOf(caller, 'litter', { remove }),
          { modelId: undefined, version: undefined, before: undefined, after: { removed }, outcome: 'done' },
          Date.now(),
        ),
      );
    await print(`${removed.length} of ${files} removed.\n`);
    return 0;
  });
}

function withoutStore(directory: string): ModelYardError {
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The directory ${directory} does not say which store it belongs to: nothing in it was removed.`,
    'Start a server of the store on it once.',
  );
}

/** Younger ones may be of a registration that is under way. */
async function unusedArtifacts(
  database: Database,
  artifacts: ArtifactStore,
  now: number,
): Promise<Artifact[]> {
  const unused: Artifact[] = [];
  for await (const { at, ...artifact } of artifacts.list()) {
    if (now - at < abandonedAfterMs) continue;
    if (!(await isReferred(database, artifact))) unused.push(artifact);
  }
  return unused;
}

async function unfinishedUploads({ unfinished }: RemoteStore, now: number): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = [];
  for await (const upload of unfinished()) if (now - upload.at >= abandonedAfterMs) found.push(upload);
  return found;
}

/** @returns the names of those that are gone: one that has come to be needed meanwhile stays */
async function removeAll(
  { database, artifacts, directory }: { database: Database; artifacts: ArtifactStore; directory: string },
  {
    unused,
    uploads,
    left,
  }: { unused: readonly Artifact[]; uploads: readonly UnfinishedUpload[]; left: readonly Leftover[] },
): Promise<string[]> {
  const removed: string[] = [];
  for (const artifact of unused)
    if (await removeUnused({ database, artifacts }, artifact)) removed.push(artifact.sha256);
  for (const upload of uploads) {
    await artifacts.remote?.abandon(upload);
    removed.push(upload.key);
  }
  for (const { name } of left) {
    await rm(join(directory, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}
