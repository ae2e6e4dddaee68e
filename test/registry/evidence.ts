import type { GateEvidence } from '../../src/registry/gates.ts';
import type { ArtifactStore } from '../../src/storage/artifact_store.ts';

/** Evidence of the artifacts alone, of versions that nothing serves and nobody watches; more where a test says so. */
export function artifactEvidence(artifacts: ArtifactStore, more: Partial<GateEvidence> = {}): GateEvidence {
  return {
    verifyArtifact: (record) => artifacts.verify(record.artifact),
    probeFailure: async () => 'No probe is set.',
    shadowAgreement: async () => ({ calls: 0, agreement: null }),
    criticalDrift: async () => [],
    backtest: async () => ({ worseBy: null, detail: 'Nothing was replayed.' }),
    ...more,
  };
}
