import { stat } from 'node:fs/promises';
import type { Artifact } from '../../storage/artifact.ts';
import type { Database } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';

/**
 * `unverified`: not hashed since this server started. `changed`: the file was modified since it was hashed. `unreachable`: it
 * is where this machine cannot get at it.
 */
export type ArtifactState = 'verified' | 'unverified' | 'changed' | 'damaged' | 'missing' | 'unreachable';

type Fault = Extract<ArtifactState, 'damaged' | 'missing' | 'unreachable'>;

export interface ArtifactReport {
  total: number;
  verified: number;
  /** Artifacts that cannot be loaded, with the versions that need them. */
  faults: { state: Fault; versions: string[] }[];
  /** Where they are, and why they cannot be reached, if they are not in a folder of this machine. */
  remote?: { address: string; fault: string | undefined };
}

/** What this process knows about the artifacts' bytes without reading them on every question. */
export interface ArtifactWatch {
  /**
   * The state of an artifact by the size and times of its file: one that was hashed and is unmodified since is
   * unchanged. Hashes it at once while the allowance lasts.
   */
  look(artifact: Artifact, allowance?: Allowance): Promise<ArtifactState>;
  /** The state of all artifacts that versions refer to. */
  report(allowance: Allowance): Promise<ArtifactReport>;
  /** Hashes some of the artifacts that are unverified, changed or were verified long ago, deployed ones first. */
  round(): Promise<void>;
}

/** Bytes that may be hashed while a caller waits. */
export interface Allowance {
  bytes: number;
}

interface Known {
  /** Size, times and inode of the file when its state was last read. */
  stamp: string;
  state: ArtifactState;
  verifiedAt: number;
  /** Number of the last walk over all artifacts that saw it. */
  walk: number;
}

/** Bytes that one round hashes; at least one artifact. */
const portionBytes = 256e6;
/** Artifacts that one round checks besides the deployed ones. */
const windowSize = 5000;
/** An unmodified file is hashed again after this time, since disks may fail silently. */
const staleAfterMs = 86_400_000;
/** Up to this many artifacts, all are checked whenever health is asked for. */
const lookedAtOnce = 200;

export function createArtifactWatch({
  database,
  pathOf,
  clock,
  logger,
  hash,
  isElsewhere = async () => false,
}: {
  database: Database;
  pathOf: (sha256: string) => string;
  clock: () => number;
  logger: Logger;
  /** The SHA-256 of a file's bytes. */
  hash: (path: string) => Promise<string>;
  /** Whether a file that is not here may be with another machine of the store. */
  isElsewhere?: () => Promise<boolean>;
}): ArtifactWatch {
  const known = new Map<string, Known>();
  const hashing = new Map<string, Promise<void>>();
  let walk = 0;
  let cursor = '';

  /** The state by the file's size and times alone, which it stores. */
  async function glance({ sha256, bytes }: Artifact): Promise<Known> {
    const stamp = await stampOf(pathOf(sha256));
    const before = known.get(sha256);
    if (before !== undefined && before.stamp === stamp.text) {
      before.walk = walk;
      return before;
    }
    const state =
      stamp.size === undefined
        ? (await isElsewhere())
          ? 'unreachable'
          : 'missing'
        : stamp.size !== bytes
          ? 'damaged'
          : before === undefined
            ? 'unverified'
            : 'changed';
    const now = { stamp: stamp.text, state, verifiedAt: 0, walk } satisfies Known;
    known.set(sha256, now);
    if (state === 'missing' || state === 'damaged') await announce(sha256, state);
    return now;
  }

  /** Logs a fault, unless the versions were deleted since the name was read. */
  async function announce(sha256: string, state: ArtifactState): Promise<void> {
    const users = await versionsOf(database, sha256);
    const names = users.map(({ name }) => name).join(' and ');
    if (users.length > 0) logger.error(`the artifact of ${names} is ${state}`, { sha256 });
  }

  /** Hashes a file, once for all callers that ask at the same time. */
  function verify(artifact: Artifact): Promise<void> {
    const { sha256 } = artifact;
    const running = hashing.get(sha256);
    if (running !== undefined) return running;
    const run = readAndJudge(artifact).finally(() => hashing.delete(sha256));
    hashing.set(sha256, run);
    return run;
  }

  async function readAndJudge(artifact: Artifact): Promise<void> {
    const { sha256 } = artifact;
    const before = await glance(artifact);
    if (
      before.state === 'missing' ||
      before.state === 'unreachable' ||
      (before.state === 'damaged' && before.verifiedAt === 0)
    )
      return;
    const found = await hash(pathOf(sha256)).catch(() => undefined);
    // A file that was modified while it was read is checked again later.
    if ((await stampOf(pathOf(sha256))).text !== before.stamp) return;
    before.state = found === undefined ? 'missing' : found === sha256 ? 'verified' : 'damaged';
    before.verifiedAt = clock();
    if (before.state !== 'verified') await announce(sha256, before.state);
  }

  async function look(artifact: Artifact, allowance: Allowance = { bytes: 0 }): Promise<ArtifactState> {
    const { state } = await glance(artifact);
    if (state !== 'unverified' && state !== 'changed') return state;
    if (artifact.bytes <= allowance.bytes) {
      allowance.bytes -= artifact.bytes;
      await verify(artifact);
    } else if (state === 'changed')
      verify(artifact).catch((error: unknown) => logger.warn('an artifact could not be verified', { error }));
    return known.get(artifact.sha256)?.state ?? state;
  }

  async function lookAtAll(artifacts: readonly Artifact[], allowance: Allowance): Promise<void> {
    // Smallest first, so that the allowance covers more of them.
    for (const artifact of artifacts.toSorted((a, b) => a.bytes - b.bytes)) await look(artifact, allowance);
  }

  return {
    look,

    async report(allowance) {
      const { total } = await database
        .selectFrom('versions')
        .select(({ fn }) => fn.count<number>('artifact_sha256').distinct().as('total'))
        .executeTakeFirstOrThrow();
      if (total <= lookedAtOnce) await lookAtAll(await artifactsAfter(database, '', lookedAtOnce), allowance);
      const faults: ArtifactReport['faults'] = [];
      let verified = 0;
      for (const [sha256, { state }] of known) {
        if (state === 'verified') verified++;
        if (!isFault(state)) continue;
        const users = await versionsOf(database, sha256);
        const [first] = users;
        // The versions were deleted, or the file was restored meanwhile.
        if (first === undefined) known.delete(sha256);
        else {
          const now = await look({ sha256, bytes: first.bytes }, allowance);
          if (isFault(now)) faults.push({ state: now, versions: users.map(({ name }) => name) });
        }
      }
      return { total, verified: Math.min(verified, total), faults };
    },

    async round() {
      const window = await artifactsAfter(database, cursor, windowSize);
      const deployed = await deployedArtifacts(database);
      const waiting: { artifact: Artifact; urgency: number }[] = [];
      const seen = new Set<string>();
      for (const [artifacts, first] of [
        [deployed, 0],
        [window, 1],
      ] as const)
        for (const artifact of artifacts) {
          if (seen.has(artifact.sha256)) continue;
          seen.add(artifact.sha256);
          const { state, verifiedAt } = await glance(artifact);
          if (state === 'unverified' || state === 'changed') waiting.push({ artifact, urgency: first });
          else if (state === 'verified' && clock() - verifiedAt >= staleAfterMs)
            waiting.push({ artifact, urgency: 2 });
        }
      waiting.sort((a, b) => a.urgency - b.urgency);
      let left = portionBytes;
      for (const { artifact } of waiting) {
        if (left <= 0) break;
        left -= artifact.bytes;
        await verify(artifact);
      }
      cursor = window.length < windowSize ? '' : (window.at(-1)?.sha256 ?? '');
      if (cursor !== '') return;
      // The walk saw all artifacts that versions refer to; the others are no longer needed.
      for (const [sha256, { walk: last }] of known) if (last < walk) known.delete(sha256);
      walk++;
    },
  };
}

function isFault(state: ArtifactState): state is Fault {
  return state === 'damaged' || state === 'missing' || state === 'unreachable';
}

async function stampOf(path: string): Promise<{ text: string; size: number | undefined }> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return { text: 'missing', size: undefined };
  const { size, mtimeNs, ctimeNs, ino } = found;
  return { text: `${size} ${mtimeNs} ${ctimeNs} ${ino}`, size: Number(size) };
}

async function artifactsAfter(database: Database, last: string, limit: number): Promise<Artifact[]> {
  return database
    .selectFrom('versions')
    .select(({ fn }) => ['artifact_sha256 as sha256', fn.max('artifact_bytes').as('bytes')])
    .where('artifact_sha256', '>', last)
    .groupBy('artifact_sha256')
    .orderBy('artifact_sha256')
    .limit(limit)
    .execute();
}

async function deployedArtifacts(database: Database): Promise<Artifact[]> {
  return database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .select(['artifact_sha256 as sha256', 'artifact_bytes as bytes'])
    .distinct()
    .execute();
}

/** Up to five versions that have the artifact. */
export async function versionsOf(
  database: Database,
  sha256: string,
): Promise<{ name: string; bytes: number }[]> {
  const rows = await database
    .selectFrom('versions')
    .select(['model_id', 'version', 'artifact_bytes'])
    .where('artifact_sha256', '=', sha256)
    .limit(5)
    .execute();
  return rows.map(({ model_id, version, artifact_bytes }) => ({
    name: `${model_id} ${version}`,
    bytes: artifact_bytes,
  }));
}

/**
 * Runs a round every `intervalMs`.
 *
 * @returns a function that stops it
 */
export function startArtifactRounds(watch: ArtifactWatch, intervalMs: number, logger: Logger): () => void {
  let running = false;
  let stopped = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    watch
      .round()
      .catch((error: unknown) => {
        // A round in progress may find the database closed.
        if (!stopped) logger.warn('the artifacts could not be checked', { error });
      })
      .finally(() => {
        running = false;
      });
  }, intervalMs).unref();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
