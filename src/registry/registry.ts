import type { Approvals, Call } from '../access/approval.ts';
import type { Follower } from '../access/change_model.ts';
import type { Origin } from '../access/origin.ts';
import type { ReadableFiles } from '../files/file_access.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import { type Comparison, compareVersions, type LivePerformance } from './compare.ts';
import { type Deletion, deleteVersions } from './delete.ts';
import { describeModel, type VersionFilter } from './describe.ts';
import type { GateEvidence } from './gates.ts';
import { findModelNames, findVersionNames, listModels } from './list_names.ts';
import type { ModelInspector } from './model_inspector.ts';
import { promoteVersion } from './promote.ts';
import type { Promotion } from './promotion_facts.ts';
import { registerVersion } from './register.ts';
import type { Register, WithFile } from './registration.ts';
import { type Rollback, rollbackModel } from './rollback.ts';
import { searchVersions, type VersionSearch } from './search.ts';
import type { Deployer } from './stage_change.ts';
import { type ModelUpdate, updateModel } from './update.ts';
import type { VersionRecord } from './version_record.ts';

export interface RegistryDependencies {
  database: Database;
  artifacts: ArtifactStore;
  files: ReadableFiles;
  approvals: Approvals;
  withFile: WithFile;
  /** Serving's part: inspecting a file, moving the traffic with a stage, following where calls go. */
  inspector: ModelInspector;
  deployer: Deployer;
  served: Follower;
  evidence: Omit<GateEvidence, 'verifyArtifact'>;
  /** Live metrics of versions, from predictions of the last `windowMs`. */
  livePerformance: (versions: readonly VersionRecord[], windowMs: number) => Promise<LivePerformance[]>;
  /**
   * Moves every answered prediction into the database.
   *
   * @returns warnings
   */
  flushLog: () => Promise<string[]>;
  clock: () => number;
}

/** Models, versions and their stages, and the changes of them. */
export function openRegistry(dependencies: RegistryDependencies) {
  const { database, artifacts, files, approvals, inspector, deployer, served, flushLog, clock } =
    dependencies;
  const stages = {
    database,
    clock,
    served,
    deployer,
    evidence: {
      ...dependencies.evidence,
      verifyArtifact: ({ artifact }: VersionRecord) => artifacts.verify(artifact),
    },
  };
  const register: Register = (registration, origin, signal, downloaded) =>
    dependencies.withFile(
      registration,
      (whole) => registerVersion({ database, artifacts, inspector, ...files, clock }, whole, origin, signal),
      downloaded,
      signal,
    );
  return {
    register,
    promote: (promotion: Promotion, call: Call) =>
      promoteVersion(stages, promotion, call.origin, approvals.approverOf(call)),
    rollback: (rollback: Rollback, call: Call) =>
      rollbackModel(stages, rollback, call.origin, approvals.approverOf(call)),
    delete: (deletion: Deletion, call: Call) =>
      deleteVersions({ database, artifacts, clock }, deletion, call.origin, approvals.approverOf(call)),
    update: (update: ModelUpdate, origin: Origin) => updateModel({ database, served, clock }, update, origin),
    /** @param windowMs how far back predictions with outcomes are measured */
    async compare(comparison: Comparison, windowMs: number) {
      const warnings = await flushLog();
      const live = (versions: readonly VersionRecord[]) => dependencies.livePerformance(versions, windowMs);
      return { ...(await compareVersions(database, live, comparison)), warnings };
    },
    search: (search: VersionSearch) => searchVersions(database, search),
    describe: (modelId: string, filter: VersionFilter) => describeModel(database, modelId, filter),
    list: (page: { limit: number; after?: string | undefined }) => listModels(database, page),
    /** Names that begin so, for whoever is typing one. */
    modelNames: (beginning: string, limit: number) => findModelNames(database, beginning, limit),
    /** @throws MODEL_NOT_FOUND */
    versionNames: (modelId: string, beginning: string, limit: number) =>
      findVersionNames(database, modelId, beginning, limit),
  };
}
