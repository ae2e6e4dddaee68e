import { builtFile } from '../../built_file.ts';
import type { DatabaseAddress } from '../../storage/database.ts';
import { openThreads } from '../../threads/index.ts';
import type { Evidence, EvidenceRequest } from './evidence.ts';

export type EvidenceTasks = {
  gather: { input: { address: DatabaseAddress; request: EvidenceRequest }; output: Evidence };
};

export interface EvidenceGatherer {
  /** One at a time. @throws STORAGE_UNAVAILABLE, or LIMIT_EXCEEDED when it took too long or too much memory */
  gather(request: EvidenceRequest): Promise<Evidence>;
  close(): Promise<void>;
}

/** What gathering may take; a thread that exceeds it is ended, and the server goes on. */
const limits = { memoryMb: 2048, timeLimitMs: 300_000 };

/** Gathers in a thread of its own, which the first request starts. */
export function createEvidenceGatherer(address: DatabaseAddress): EvidenceGatherer {
  const threads = openThreads<EvidenceTasks>(builtFile('evidence_thread.js'), limits);
  return {
    gather: (request) => threads.run('gather', { address, request }),
    close: threads.close,
  };
}
