import { setTimeout as pause } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import type { Artifact } from '../../storage/artifact.ts';
import type { RemoteArtifactStore } from '../../storage/artifact_store.ts';
import type { Database } from '../../storage/database.ts';
import { referredArtifacts } from '../../storage/referred_artifacts.ts';
import { type ArtifactReport, type ArtifactState, type ArtifactWatch, versionsOf } from './artifact_watch.ts';

/** What the store listed is believed for so long, and that it did not answer, milliseconds. */
const believedMs = { listed: 10_000, silent: 5_000 };
/** Longest that whoever asks for health waits for the store, milliseconds. */
const patienceMs = 3_000;
/** Artifacts that are named in a report. */
const maxFaults = 20;

type Listing = { sizes: ReadonlyMap<string, number> } | { fault: ModelYardError };

/**
 * What an object store lists of the artifacts. Their bytes are verified by whoever loads them, and not in rounds: that would
 * fetch all of them again and again.
 */
export function createRemoteArtifactWatch({
  database,
  artifacts,
  clock,
}: {
  database: Database;
  artifacts: RemoteArtifactStore;
  clock: () => number;
}): ArtifactWatch {
  let last: { listing: Promise<Listing>; until: number } | undefined;

  async function ask(): Promise<Listing> {
    try {
      await artifacts.remote.check();
      const sizes = new Map<string, number>();
      for await (const { sha256, bytes } of artifacts.list()) sizes.set(sha256, bytes);
      return { sizes };
    } catch (error) {
      if (error instanceof ModelYardError) return { fault: error };
      throw error;
    }
  }

  function listing(): Promise<Listing> {
    if (last === undefined || clock() >= last.until) {
      const asked = Promise.race([
        ask(),
        pause(patienceMs, silent(artifacts.remote.address), { ref: false }),
      ]);
      const current = { listing: asked, until: clock() + believedMs.listed };
      last = current;
      asked.then(
        (found) => {
          if ('fault' in found) current.until = clock() + believedMs.silent;
        },
        () => {
          current.until = 0;
        },
      );
    }
    return last.listing;
  }

  async function look({ sha256, bytes }: Artifact): Promise<ArtifactState> {
    const found = await listing();
    if ('fault' in found) return 'unreachable';
    if (found.sizes.get(sha256) === bytes) return 'unverified';
    try {
      // It may have come since.
      const size = await artifacts.sizeOf(sha256);
      if (size !== undefined) return size === bytes ? 'unverified' : 'damaged';
      return (await artifacts.isElsewhere()) ? 'unreachable' : 'missing';
    } catch (error) {
      if (!(error instanceof ModelYardError)) throw error;
      // It has gone since it listed them.
      last = { listing: Promise.resolve({ fault: error }), until: clock() + believedMs.silent };
      return 'unreachable';
    }
  }

  return {
    look,

    async report() {
      const { address } = artifacts.remote;
      const away = ({ fault: { message, hint } }: { fault: ModelYardError }): ArtifactReport => ({
        total: 0,
        verified: 0,
        faults: [],
        remote: { address, fault: `${message} ${hint}` },
      });
      const found = await listing();
      if ('fault' in found) return away(found);
      let total = 0;
      const faults: ArtifactReport['faults'] = [];
      for await (const artifact of referredArtifacts(database)) {
        total++;
        if (faults.length >= maxFaults || found.sizes.get(artifact.sha256) === artifact.bytes) continue;
        const state = await look(artifact);
        if (state !== 'damaged' && state !== 'missing' && state !== 'unreachable') continue;
        const users = await versionsOf(database, artifact.sha256);
        if (users.length > 0) faults.push({ state, versions: users.map(({ name }) => name) });
      }
      const since = await listing();
      if ('fault' in since) return away(since);
      return { total, verified: 0, faults, remote: { address, fault: undefined } };
    },

    round: async () => undefined,
  };
}

function silent(address: string): Listing {
  return {
    fault: new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `The object store ${address} did not answer within ${patienceMs / 1000} s.`,
      'See that it is up and can be reached from here.',
    ),
  };
}
