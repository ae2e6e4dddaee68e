import { recordGates } from '../registry/gates.ts';
import { readFacts } from '../registry/promotion_facts.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';

/** Gates of production that fail as things are and that no call will change: a rollout would wait before them for ever. */
export async function gatesAhead(
  database: Database,
  { modelId, version }: VersionRecord,
  now: number,
): Promise<string[]> {
  const facts = await readFacts(database, { modelId, version, targetStage: 'production' });
  const { policy, incumbent, inStagingSince } = facts;
  return recordGates(policy, { candidate: facts, incumbent, inStagingSince, now })
    .filter(({ passed }) => !passed)
    .map(
      ({ name, detail }) =>
        `Gate ${name} of production fails as things are, and calls do not change that: the rollout would be held before production. ${detail}`,
    );
}
