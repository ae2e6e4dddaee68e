/**
 * A thread that gathers the evidence for alerts: drift reports over a day of the log and counts over a week take
 * longer than the thread that answers calls can spare.
 */
import { serveTasks } from '../../threads/serve_tasks.ts';
import { keptDatabase } from '../../threads/with_database.ts';
import { gatherEvidence } from './evidence.ts';
import type { EvidenceTasks } from './evidence_gatherer.ts';

serveTasks<EvidenceTasks>({
  gather: async ({ address, request }) => gatherEvidence(await keptDatabase(address), request, Date.now),
});
