import type { Transaction } from 'kysely';
import type { ChangeDependencies } from '../access/change_model.ts';
import type { Origin } from '../access/origin.ts';
import type { Tables } from '../storage/schema.ts';
import type { GateEvidence } from './gates.ts';
import type { VersionRecord } from './version_record.ts';

/** What a change of stage needs from serving. */
export interface Deployer {
  /** Loads and warms a version and records it as deployed, without moving traffic. */
  prepare(record: VersionRecord, origin: Origin): Promise<void>;
  /** Gives a version all the traffic, in the transaction of the change. */
  activate(
    transaction: Transaction<Tables>,
    modelId: string,
    version: string,
    at: number,
    by: string,
  ): Promise<void>;
}

export interface StageDependencies extends ChangeDependencies {
  evidence: GateEvidence;
  deployer: Deployer;
}

/** What a change would do, from a dry run. */
export interface Preview {
  wouldApply: boolean;
  /** Sentences with "would"; the first says whether the change would succeed. */
  sentence: string;
  wouldArchive: string[];
}

/** @param effects sentences with "would", of a change that no gate refuses */
export function previewOfChange(
  effects: readonly string[],
  asksPerson: boolean,
  wouldArchive: string[],
): Preview {
  const all = effects.join('; ');
  return {
    wouldApply: !asksPerson,
    sentence: asksPerson
      ? `Would be refused until a person approved. Then: ${all}.`
      : `Would be done: ${all}.`,
    wouldArchive,
  };
}
